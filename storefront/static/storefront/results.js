// The results of a search: what they were searched by, their title, their grid, where to look, and the filters.

import * as basket from "./basket.js";
import * as cards from "./cards.js";
import * as chips from "./chips.js";
import { part } from "./dom.js";
import * as filters from "./filters.js";
import * as groups from "./groups.js";
import { isForgotten } from "./history.js";
import { sceneOf, shownThings } from "./scene.js";
import * as subject from "./subject.js";
import * as titles from "./titles.js";
import * as understood from "./understood.js";
import * as view from "./view.js";

/** Show the photo or the product that is searched by; nothing for a search in words. */
export function showSubject(entry) {
  const { query, photo, product } = entry;
  const known = { ...sceneOf(entry), region: query.region };
  if (query.kind === "sample") subject.showPhoto(`/samples/${encodeURIComponent(query.of)}`, known);
  else if (photo) subject.showPhoto(photo, known);
  else if (query.kind === "like") subject.showProduct(product, query.photo);
  else subject.hide();
}

/**
 * Show what a search found, or why nothing. `onOpen(hit, position)` hears which product is opened, `onWhy(hit, region)`
 * about which the visitor asks, `onThing(number)` which thing is chosen, `onMore` that all things shall show.
 * `onRefine(change)` hears what is to change in the query, `onOverride(category)` where to look instead, and
 * `onWords(words)` what shall differ from the photo.
 */
export function show(entry, handlers) {
  part("filters").hidden = isForgotten(entry);
  if (entry.answer) showAnswer(entry, handlers);
  else showNoAnswer(entry);
  showFilters(entry, handlers.onRefine);
}

function showAnswer(entry, handlers) {
  const title = titles.found(entry);
  view.showResults(title, entry.answer);
  view.setTitle(title);
  view.showMeant(entry.answer.did_you_mean, entry.query.category);
  understood.show(entry.query, entry.answer.words, handlers.onWords);
  const scene = entry.query.region ? null : sceneOf(entry);
  if (scene?.answer) showScene(entry, scene, handlers);
  else showOne(entry, handlers);
  const lack = titles.lacking(entry);
  if (lack) view.showNothing(...lack);
}

function showScene({ photo, query }, scene, handlers) {
  part("grid").replaceChildren();
  part("near").hidden = true;
  part("where").hidden = true;
  groups.show(scene, titles.unmet(query), handlers);
  basket.show(photo, scene, () => handlers.onRefine({}));
}

function showOne(entry, handlers) {
  const { onOpen, onWhy } = handlers;
  groups.clear();
  basket.hide();
  cards.fill(part("grid"), entry.answer, { onOpen, onWhy: entry.photo && ((hit) => onWhy(hit, entry.query.region)) });
  showNearMisses(entry.answer, handlers);
  showPlaces(entry, handlers);
}

/** Show what is a little too large or too small for the filters. */
export function showNearMisses(answer, { onOpen }) {
  const missed = answer.near_misses ?? [];
  const after = answer.results.length;
  cards.fill(part("near-grid"), { ...answer, results: missed }, { onOpen: (hit, place) => onOpen(hit, after + place), level: 3 });
  part("near").hidden = !missed.length;
}

function showNoAnswer({ failure }) {
  const [title, text, ...ways] = failure ? titles.failed(failure) : titles.FORGOTTEN;
  understood.hold({});
  view.showUnanswered(title, text, ...ways);
  view.setTitle(title);
}

function showPlaces({ query, answer, product, categories, facets }, { onOverride, onRefine }) {
  const choose = (category) => onRefine({ category });
  if (answer.gate) return chips.showGate(answer.gate, understood.namesCategory(answer.words), onOverride);
  if (query.kind === "words") return chips.showCategories(facets?.categories ?? [], query.category, "", choose);
  return chips.showCategories(plain(categories), query.category || product.category, "all", choose);
}

/** The categories without counts: nobody knows how many of their products look alike. */
const plain = (categories) => categories.map(({ slug, name }) => ({ slug, name }));

export function showFilters(entry, onRefine) {
  const { query, facets, staleFacets } = entry;
  const narrow = (chosen) => onRefine({ filters: chosen });
  filters.show(facets ?? staleFacets ?? null, currencies(entry), query.filters, narrow);
  showFiltersSet(entry, onRefine);
}

export function showFiltersSet(entry, onRefine) {
  const [currency, ...others] = currencies(entry);
  chips.showSet(entry.query.filters, others.length ? "" : currency, (chosen) => onRefine({ filters: chosen }));
}

/** The currencies of the prices that show. */
function currencies(entry) {
  const things = shownThings(entry);
  const shown = things.length ? things.flatMap(({ results }) => results) : (entry.answer?.results ?? []);
  const priced = shown.filter(({ product }) => product.price !== null);
  return [...new Set(priced.map(({ product }) => product.currency))];
}
