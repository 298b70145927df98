// The results of a search: what they were searched by, their title, their grid, where to look, and the filters.

import * as cards from "./cards.js";
import * as chips from "./chips.js";
import { part } from "./dom.js";
import * as filters from "./filters.js";
import { isForgotten } from "./history.js";
import * as titles from "./titles.js";
import * as view from "./view.js";

/** Show the photo or the product that is searched by; nothing for a search in words. */
export function showSubject({ query, photo, product }) {
  if (query.kind === "sample") view.showPhoto(`/samples/${encodeURIComponent(query.of)}`, query.region);
  else if (photo) view.showPhoto(photo, query.region);
  else if (query.kind === "like") view.showProduct(product, query.photo);
  else view.hidePhoto();
}

/**
 * Show what a search found, or why nothing. `onOpen(hit, position)` hears which product is opened, `onRefine(change)`
 * what is to change in the query, `onOverride(category)` where to look instead of where the gate looked.
 */
export function show(entry, { onOpen, onOverride, onRefine }) {
  part("filters").hidden = isForgotten(entry);
  if (entry.answer) {
    showAnswer(entry, onOpen);
    showPlaces(entry, onOverride, onRefine);
  } else {
    showNoAnswer(entry);
  }
  showFilters(entry, onRefine);
}

function showAnswer(entry, onOpen) {
  const title = titles.found(entry);
  view.showResults(title, entry.answer);
  view.setTitle(title);
  cards.fill(part("grid"), entry.answer, onOpen);
  const lack = titles.lacking(entry);
  if (lack) view.showNothing(...lack);
}

function showNoAnswer({ failure }) {
  const [title, text, ...ways] = failure ? titles.failed(failure) : titles.FORGOTTEN;
  view.showUnanswered(title, text, ...ways);
  view.setTitle(title);
}

function showPlaces({ query, answer, product, categories, facets }, onOverride, onRefine) {
  const choose = (category) => onRefine({ category });
  if (answer.gate) return chips.showGate(answer.gate, onOverride);
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
function currencies({ answer }) {
  const priced = (answer?.results ?? []).filter(({ product }) => product.price !== null);
  return [...new Set(priced.map(({ product }) => product.currency))];
}
