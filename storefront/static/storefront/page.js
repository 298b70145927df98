// The wiring: what each click looks for, how that becomes an entry of the history, and how Back finds it again.

import * as basket from "./basket.js";
import * as cards from "./cards.js";
import { part } from "./dom.js";
import { Failure } from "./failures.js";
import * as groups from "./groups.js";
import { isForgotten, SessionHistory } from "./history.js";
import { Loading } from "./loading.js";
import * as photos from "./photos.js";
import * as productView from "./product.js";
import * as queries from "./query.js";
import * as reason from "./reason.js";
import * as results from "./results.js";
import { sceneOf, unfold } from "./scene.js";
import { api, mayAskIndex } from "./shop.js";
import * as subject from "./subject.js";
import * as understood from "./understood.js";
import * as view from "./view.js";

const POLL_MS = 5000;

const sessionHistory = new SessionHistory();
const loading = new Loading(showFailure);

// --- Going somewhere ----------------------------------------------------------------------------------------------

/** Go to another search or product. It shows at once, and its answer follows. */
async function go(query, photo = null) {
  sessionHistory.visit(query, photo);
  if (await open()) view.focusTitle();
}

/** Look for the same elsewhere, or with other filters. What is shown stays until the answer is there. */
async function refine(change) {
  const entry = loading.entry ?? sessionHistory.current;
  const { query, photo, product, facets, staleFacets } = entry;
  // Otherwise the matches of the scene are others.
  const isSame = !change.filters && !change.anyway && change.words === undefined;
  const whole = isSame ? (query.region ? entry.whole : entry) : null;
  const carried = { photo, product, whole, staleFacets: facets ?? staleFacets };
  const next = sessionHistory.begin({ ...query, anyway: false, ...change }, carried);
  const shown = await loading.load(next, () => {
    sessionHistory.push(next);
    show();
  });
  if (shown) view.keepFocus();
}

/** Say what shall differ from the photo. */
function describe(words) {
  part("words").value = words;
  if (words) understood.hold({ words });
  return refine({ words });
}

/** The words that are typed and count beside a photo: not those of a search in words, which has been made. */
function typedWords() {
  const { kind, of } = sessionHistory.current.query;
  const typed = part("words").value.trim();
  return kind === "words" && typed === of ? "" : typed;
}

/** Choose a thing of the scene by its number, or 0 for all of it. Its matches came with the answer. */
function choose(number) {
  const { current } = sessionHistory;
  const thing = number ? String(number) : "";
  subject.dropBox();
  if (loading.entry && !loading.entry.query.region) {
    loading.entry.query.thing = thing; // The answer that is on its way shows it.
    return;
  }
  loading.abort();
  if (current.query.region) {
    const { query, photo, categories, answer, facets, staleFacets } = current.whole;
    sessionHistory.push(sessionHistory.begin({ ...query, thing }, { photo, categories, answer, facets, staleFacets }));
  } else sessionHistory.revise({ thing });
  show();
  view.keepFocus();
  if (number) groups.reveal(number);
}

/** Show the entry, from memory or once its answer is there. Returns false if another entry overtook it. */
async function open() {
  const entry = sessionHistory.current;
  loading.abort();
  reason.close();
  basket.hide();
  subject.dropBox();
  view.enter(entry.query, !isForgotten(entry));
  understood.hold(isForgotten(entry) ? {} : entry.query);
  results.showSubject(entry);
  results.showFiltersSet(entry, refine);
  if (entry.query.kind === "product") productView.showBusy(entry.search);
  if (entry.query.kind !== "start" && !isForgotten(entry) && !entry.answer) return loading.load(entry, show, true);
  show();
  return true;
}

function show() {
  const entry = sessionHistory.current;
  results.showSubject(entry);
  switch (entry.query.kind) {
    case "start":
      view.settle("idle", "");
      return view.setTitle("");
    case "product":
      return productView.show(entry, opened);
    default:
      results.show(entry, HANDLERS);
      return learnFacets(entry);
  }
}

/** Get the facets of a search by look, whose answer comes without them. */
async function learnFacets(entry) {
  if (entry.facets !== undefined || !entry.answer) return;
  const learned = await loading.loadFacets(entry);
  if (learned && entry === sessionHistory.current) results.showFilters(entry, refine);
}

/** Tell a failure above what is shown, or in its place if nothing is shown. */
function showFailure(failure) {
  const entry = sessionHistory.current;
  if (!entry.answer) entry.failure = failure;
  show();
  if (entry.answer) view.showFailure(failure);
}

// --- What the visitor does ----------------------------------------------------------------------------------------

/** Look for a region of the photo; for "", for all of it. */
function look(region) {
  if (!region && sceneOf(sessionHistory.current).answer) return choose(0);
  // Another part may show another thing, of another category.
  return refine({ region, thing: "", category: "" });
}

/** Show the things that are less likely as well. */
function showAll() {
  const { current } = sessionHistory;
  const { answer, things } = sceneOf(current);
  unfold(answer);
  current.facets = undefined; // There may be more categories to filter.
  show();
  part(`dot-${things.length + 1}`).focus();
}

function explain(hit, region) {
  reason.ask(sessionHistory.current.photo, subject.picture(), region, hit);
}

/** Say why nothing is sent. */
function refuse(why) {
  view.showFailure(new Failure(why));
}

/** Look where the visitor says. Another category than the likeliest tells the shop that it was mistaken. */
function override(category) {
  const { gate, query_id } = sessionHistory.current.answer;
  const mistaken = gate.mode !== "override" && category && category !== "all" && category !== gate.categories[0].slug;
  if (mistaken && gate.mode !== "open") api.report({ query_id, kind: "wrong_category", category });
  return refine({ category });
}

/** `place` is the id of the part of the page where the visitor opened it. */
function opened({ product }, position, place = "main") {
  const entry = sessionHistory.current;
  const { query_id } = entry.answer;
  entry.opened = { sku: product.sku, place };
  if (query_id) api.report({ query_id, kind: "click", sku: product.sku, position }); // Looking around is no query.
}

/** Add the next page to what is shown. Whatever the visitor looks for meanwhile overtakes it. */
async function showMore() {
  const { current } = sessionHistory;
  part("further").disabled = true;
  try {
    const more = await loading.loadMore(current, showMore);
    if (!more) return;
    view.dismissFailure();
    cards.append(part("grid"), current.answer, more, { onOpen: opened });
    part("further").hidden = !current.answer.next;
    results.showNearMisses(current.answer, HANDLERS);
    cards.focus(part("grid"), more[0].product.sku);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    view.showFailure(error);
    part("further").disabled = false;
    part("further").focus();
  } finally {
    part("further").disabled = false;
  }
}

/** Follow links within the shop without loading a document. Opened in another tab, they work like any link. */
function follow(event) {
  const link = event.target.closest("a[href]");
  const elsewhere = event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey;
  if (!link || elsewhere) return;
  const { origin, pathname, hash } = new URL(link.href);
  if (origin !== location.origin || hash || !/^\/(products\/[^/]+\/)?$/.test(pathname)) return;
  event.preventDefault();
  if (link.id === "product-back" && sessionHistory.current.search) return sessionHistory.backToSearch();
  const query = queries.read(new URL(link.href));
  return go(query.kind === "sample" ? { ...query, words: typedWords() } : query);
}

async function watchIndex() {
  let settled = false;
  try {
    settled = view.showIndex(await api.indexState());
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    view.showNotices([["The shop is not ready.", error.message]]);
  }
  if (!settled) setTimeout(watchIndex, POLL_MS);
}

async function watchRooms() {
  if (!view.showRooms(await loading.categories())) setTimeout(watchRooms, POLL_MS);
}

// --- The page's own controls --------------------------------------------------------------------------------------

const HANDLERS = {
  onOpen: opened,
  onWhy: explain,
  onThing: choose,
  onMore: showAll,
  onOverride: override,
  onRefine: refine,
  onWords: describe,
};

photos.listen((photo) => go(queries.ownPhoto(typedWords()), photo), refuse);
part("bar").addEventListener("submit", (event) => {
  event.preventDefault();
  const typed = part("words").value.trim();
  const { current } = sessionHistory;
  if (!queries.takesWords(current.query) || isForgotten(current)) return go(queries.words(typed));
  return typed === current.query.words ? view.focusTitle() : describe(typed);
});
subject.listen({ onThing: choose, onRegion: look });
part("as-one").addEventListener("click", () => look("0,0,1,1"));
part("clear").addEventListener("click", () => refine({ filters: queries.NO_FILTERS }));
part("anyway").addEventListener("click", () => refine({ anyway: true }));
part("without").addEventListener("click", () => refine(queries.BARE));
part("further").addEventListener("click", showMore);
for (const id of ["again", "retry", "product-retry"]) {
  part(id).addEventListener("click", async () => {
    if (await loading.repeat()) view.keepFocus();
  });
}
part("dismiss").addEventListener("click", view.dismissFailure);
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // An address with # would be another entry of the history.
  part("main").focus();
});
document.addEventListener("click", follow);

addEventListener("pagehide", () => sessionHistory.store());
addEventListener("popstate", async ({ state }) => {
  sessionHistory.traverse(state);
  if (!(await open())) return;
  sessionHistory.restoreScroll();
  sessionHistory.restoreFocus();
});

open().then((ended) => ended && sessionHistory.restoreScroll());
watchRooms();
if (mayAskIndex) watchIndex();
