// The wiring: what each click looks for, how that becomes an address, and how the browser's Back finds it again.
//
// Every search and every product opened is an entry of the browser's history. What it showed is kept in memory, so that
// Back and Forward are instant and a search by the visitor's own photo, which is in no address, survives them. The way
// back, the scroll and the pages shown outlive a reload.

import * as api from "./api.js";
import * as cards from "./cards.js";
import * as chips from "./chips.js";
import * as cropper from "./cropper.js";
import { part } from "./dom.js";
import * as filters from "./filters.js";
import * as photos from "./photos.js";
import * as productView from "./product.js";
import * as queries from "./query.js";
import * as titles from "./titles.js";
import * as view from "./view.js";

const POLL_MS = 5000;
const KEPT = 40; // Entries kept in memory; older ones are asked for again.
const KIN = 12; // Look-alikes on a product's page.

const OUTLIVED = "entries"; // The name of what outlives a reload, in the browser's storage of the session.

const entries = new Map();
const outlived = new Map(remembered()); // By key, what is known of entries of before a reload.
let entry = null; // What is shown: its query, and what came of it (photo, answer, facets, product).
let made = 0;
let current = null; // The AbortController of the call under way: a newer call replaces it.
let pending = null; // The entry that the call under way is for: what the visitor changes meanwhile, changes this one.
let repeat = null; // What "try again" does.
let shop = null; // Every category of the shop, as they were asked for.

// --- Entries: where the visitor is, was, and goes -----------------------------------------------------------------

function begin(query, carried = {}) {
  made += 1;
  return { key: `${performance.timeOrigin}.${made}`, query, scroll: 0, page: 1, ...carried };
}

function enter(next) {
  entry = next;
  entries.set(next.key, next);
  if (entries.size > KEPT) entries.delete(entries.keys().next().value);
}

function push(next) {
  entry.scroll = scrollY;
  enter(next);
  history.pushState({ key: next.key }, "", queries.address(next.query));
}

/** The entry of a place in the history: as it is in memory, or begun anew with what outlived a reload. */
function recall(state) {
  const { key } = state ?? {};
  // The key stays: writing to the history here could stop a further step back on its way.
  return entries.get(key) ?? begin(queries.read(location), outlived.get(key) ?? state);
}

/** Keep for after a reload where the visitor was. In the history it would come too late: the page is going already. */
function remember() {
  entry.scroll = scrollY;
  for (const { key, search, scroll, page } of entries.values()) outlived.set(key, { key, search, scroll, page });
  try {
    sessionStorage.setItem(OUTLIVED, JSON.stringify([...outlived].slice(-KEPT)));
  } catch {
    return; // The visitor's browser keeps nothing.
  }
}

function remembered() {
  try {
    return JSON.parse(sessionStorage.getItem(OUTLIVED)) ?? [];
  } catch {
    return [];
  }
}

/** Go to another search or product: it shows at once, what comes of it follows. */
async function go(query, photo = null) {
  push(begin(query, { photo, search: searchBehind() }));
  scrollTo(0, 0);
  if (await open()) view.focusTitle();
}

/** The search that led here, and how many steps back it is; null where none did. */
function searchBehind() {
  const { query, search } = entry;
  if (query.kind === "product") return search && { ...search, steps: search.steps + 1 };
  return query.kind === "start" ? null : { query, steps: 1 };
}

/** Look for the same elsewhere, or with other filters: what is shown stays until the answer is there. */
async function refine(change) {
  const { query, photo, product, facets, staleFacets } = pending ?? entry;
  const carried = { photo, product, staleFacets: facets ?? staleFacets };
  const next = begin({ ...query, anyway: false, ...change }, carried);
  const shown = await attempt(next, () => {
    push(next);
    show();
  });
  if (shown) view.keepFocus();
}

/** Show the entry: from memory, or once its answer is there. Whether it shows in the end: another may overtake it. */
async function open() {
  current?.abort();
  pending = null;
  part("crop").close();
  view.enter(entry.query);
  showSubject();
  showSet();
  if (entry.query.kind === "product") productView.showBusy(entry.search);
  if (entry.query.kind !== "start" && !isForgotten(entry) && !entry.answer) return attempt(entry, show, true);
  show();
  return true;
}

/** A search with the visitor's own photo, which did not outlive the page that it was made on. */
const isForgotten = ({ query, photo }) => query.kind === "photo" && !photo;

/**
 * Make the calls of an entry, their progress shown and their failure told: above what is shown, or in its place where
 * there is nothing. Whether it came to an end: one overtaken by a newer one is dropped.
 */
async function attempt(target, done, anew = false) {
  current?.abort();
  const { signal } = (current = new AbortController());
  pending = target;
  repeat = () => attempt(target, done, anew);
  const waiting = titles.waiting(target.query);
  view.showBusy(waiting, anew);
  if (anew) view.setTitle(waiting);
  try {
    await load(target, signal);
    signal.throwIfAborted();
    pending = null;
    done();
  } catch (error) {
    if (signal.aborted) return false;
    pending = null;
    target.answer = null; // An answer that cannot be shown is no place to come back to.
    const failure = error instanceof api.Failure ? error : new api.Failure(UNSHOWN);
    if (!(error instanceof api.Failure)) console.error(error);
    if (!entry.answer) entry.failure = failure;
    show();
    if (entry.answer) view.showFailure(failure);
  }
  return true;
}

const UNSHOWN = "This page could not show the answer. Reload it and try again.";

async function load(target, signal) {
  const { query } = target;
  target.categories = await categories();
  switch (query.kind) {
    case "words":
      target.answer = await api.inWords(query, target.page, signal);
      target.facets = target.answer.facets;
      return;
    case "like":
      target.product ??= await api.product(query.of, signal);
      target.answer = await api.similar(query, signal);
      return;
    case "product":
      target.product = await api.product(query.of, signal);
      target.answer = target.product.photos.length
        ? await api.similar(query, signal, KIN).catch(nothingLike(signal))
        : { results: [], why: titles.UNPICTURED };
      return;
    case "sample":
      target.photo ??= await api.sample(query.of, signal);
  }
  if (target.photo) target.answer = await api.byPhoto(target.photo, query, view.showSent, signal);
}

/** A product shows without its look-alikes: an answer that says why there are none. */
function nothingLike(signal) {
  return (error) => {
    if (signal.aborted || !(error instanceof api.Failure)) throw error;
    return { results: [], why: error.message };
  };
}

/** Every category of the shop. Where none has a product, or no answer came, the next who asks may hear of more. */
async function categories() {
  shop ??= api.categories().catch(() => []);
  const known = await shop;
  if (!known.some((category) => category.product_count)) shop = null;
  return known;
}

// --- Showing an entry ---------------------------------------------------------------------------------------------

function showSubject() {
  const { query, photo, product } = entry;
  if (query.kind === "sample") view.showPhoto(`/samples/${encodeURIComponent(query.of)}`, query.region);
  else if (photo) view.showPhoto(photo, query.region);
  else if (query.kind === "like") view.showProduct(product, query.photo);
  else view.hidePhoto();
}

function show() {
  showSubject();
  switch (entry.query.kind) {
    case "start":
      view.settle("idle", "");
      return view.setTitle("");
    case "product":
      return showProduct();
    default:
      return showSearch();
  }
}

function showProduct() {
  const { product, answer, categories, failure } = entry;
  view.settle("done", "");
  if (!answer) {
    const title = productView.showFailure(failure);
    view.settle("done", title);
    return view.setTitle(title);
  }
  productView.show(product, categories.find(({ slug }) => slug === product.category)?.name ?? product.category);
  productView.showKin(answer, opened);
  view.setTitle(product.name);
}

function showSearch() {
  const { query, answer, failure } = entry;
  part("filters").hidden = isForgotten(entry);
  if (!answer) {
    const [title, text, ...ways] = failure ? titles.failed(failure) : titles.FORGOTTEN;
    view.showUnanswered(title, text, ...ways);
    view.setTitle(title);
    return showFilters();
  }
  const title = titles.found(entry);
  view.showResults(title, answer);
  view.setTitle(title);
  cards.fill(part("grid"), answer, opened);
  const lack = titles.lacking(entry);
  if (lack) view.showNothing(...lack);
  showPlaces();
  showFilters();
}

function showPlaces() {
  const { query, answer, product, categories, facets } = entry;
  const choose = (category) => refine({ category });
  if (answer.gate) return chips.showGate(answer.gate, override);
  if (query.kind === "words") return chips.showCategories(facets?.categories ?? [], query.category, "", choose);
  return chips.showCategories(plain(categories), query.category || product.category, "all", choose);
}

/** The categories without counts: of what looks alike, nobody knows how many there are. */
const plain = (categories) => categories.map(({ slug, name }) => ({ slug, name }));

const narrow = (chosen) => refine({ filters: chosen });

function showSet() {
  const [currency, ...others] = currencies(entry);
  chips.showSet(entry.query.filters, others.length ? "" : currency, narrow);
}

/** The currencies of the prices that show. */
function currencies({ answer }) {
  const priced = (answer?.results ?? []).filter(({ product }) => product.price !== null);
  return [...new Set(priced.map(({ product }) => product.currency))];
}

function showFilters() {
  const { query, facets, staleFacets } = entry;
  filters.show(facets ?? staleFacets ?? null, currencies(entry), query.filters, narrow);
  showSet();
  if (facets === undefined && entry.answer) learnFacets(entry);
}

/** Searches by look know nothing of filters: the catalogue tells what there is where they looked. */
async function learnFacets(target) {
  target.facets = null;
  try {
    target.facets = await api.facets(lookedIn(target), target.query.filters);
  } catch {
    return; // Then there is no more to filter by than what is set.
  }
  if (target === entry) showFilters();
}

/** The slugs of the categories searched; none stands for all. */
function lookedIn({ query, answer, product }) {
  if (query.kind === "like") return query.category === "all" ? [] : [query.category || product.category];
  const searched = answer.gate.categories.filter((category) => category.searched);
  return searched.length === answer.gate.categories.length ? [] : searched.map(({ slug }) => slug);
}

// --- What the visitor does ----------------------------------------------------------------------------------------

/** Say why nothing is sent. */
function refuse(reason) {
  view.showFailure(new api.Failure(reason));
}

/** Look where the visitor says. Another category than the likeliest tells the shop that it was mistaken. */
function override(category) {
  const { gate, query_id } = entry.answer;
  const mistaken = gate.mode !== "override" && category && category !== "all" && category !== gate.categories[0].slug;
  if (mistaken && gate.mode !== "open") api.report({ query_id, kind: "wrong_category", category });
  return refine({ category });
}

function opened({ product }, position) {
  const { query_id } = entry.answer;
  entry.opened = product.sku;
  if (query_id) api.report({ query_id, kind: "click", sku: product.sku, position }); // Looking around is no query.
}

/** Add the next page to what is shown. Whatever the visitor looks for meanwhile overtakes it. */
async function showMore() {
  const { query, page, answer } = entry;
  current?.abort();
  const { signal } = (current = new AbortController());
  repeat = showMore;
  part("further").disabled = true;
  try {
    const more = await api.byWords(query, page + 1, signal);
    signal.throwIfAborted();
    entry.page = page + 1;
    answer.next = more.next;
    answer.results.push(...more.results);
    view.dismissFailure();
    cards.append(part("grid"), answer, more.results, opened);
    part("further").hidden = !more.next;
    cards.focus(part("grid"), more.results[0].product.sku);
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof api.Failure)) throw error;
    view.showFailure(error);
    part("further").disabled = false;
    part("further").focus();
  } finally {
    part("further").disabled = false;
  }
}

/** Links within the shop change what is shown, not the document; opened elsewhere they work as any. */
function follow(event) {
  const link = event.target.closest("a[href]");
  const elsewhere = event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey;
  if (!link || elsewhere) return;
  const { origin, pathname, hash } = new URL(link.href);
  if (origin !== location.origin || hash || !/^\/(products\/[^/]+\/)?$/.test(pathname)) return;
  event.preventDefault();
  if (link.id === "product-back" && entry.search) return history.go(-entry.search.steps);
  return go(queries.read(new URL(link.href)));
}

async function watchIndex() {
  let settled = false;
  try {
    settled = view.showIndex(await api.indexState());
  } catch (error) {
    if (!(error instanceof api.Failure)) throw error;
    view.showNotices([["The shop is not ready.", error.message]]);
  }
  if (!settled) setTimeout(watchIndex, POLL_MS);
}

async function watchRooms() {
  if (!view.showRooms(await categories())) setTimeout(watchRooms, POLL_MS);
}

// --- The page's own controls --------------------------------------------------------------------------------------

photos.listen((photo) => go(queries.ownPhoto(), photo), refuse);
part("bar").addEventListener("submit", (event) => {
  event.preventDefault();
  go(queries.words(part("words").value.trim()));
});
part("select").addEventListener("click", () =>
  // Another part may show another thing, of another category.
  cropper.ask(view.photoSource(), entry.query.region, (region) => refine({ region, category: "" })),
);
part("clear").addEventListener("click", () => refine({ filters: queries.NO_FILTERS }));
part("anyway").addEventListener("click", () => refine({ anyway: true }));
part("without").addEventListener("click", () => refine(queries.BARE));
part("further").addEventListener("click", showMore);
for (const id of ["again", "retry", "product-retry"]) {
  part(id).addEventListener("click", async () => {
    if (await repeat()) view.keepFocus();
  });
}
part("dismiss").addEventListener("click", view.dismissFailure);
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // An address with # would be another entry of the history.
  part("main").focus();
});
document.addEventListener("click", follow);

history.scrollRestoration = "manual";
addEventListener("pagehide", remember);
addEventListener("popstate", async ({ state }) => {
  entry.scroll = scrollY;
  enter(recall(state));
  if (!(await open())) return;
  scrollTo(0, entry.scroll);
  if (entry.opened) cards.focus(part(entry.query.kind === "product" ? "kin" : "grid"), entry.opened);
  else view.focusTitle();
});

enter(recall(history.state));
history.replaceState({ key: entry.key }, "");
open().then((ended) => ended && scrollTo(0, entry.scroll));
watchRooms();
watchIndex();
