// Asks the API for what an entry shows, one call at a time. Shows its progress and tells its failure.

import { Failure } from "./failures.js";
import { shownThings } from "./scene.js";
import { api, sample } from "./shop.js";
import * as titles from "./titles.js";
import * as view from "./view.js";

const KIN = 12; // Look-alikes on a product's page.
const UNSHOWN = "This page could not show the answer. Reload it and try again.";

export class Loading {
  #call = null; // The AbortController of the call under way: a newer call replaces it.
  #entry = null;
  #repeat = null;
  #categories = null; // A promise, once they were asked for.
  #onFailure;

  /** `onFailure` hears why a call brought no answer that can be shown. */
  constructor(onFailure) {
    this.#onFailure = onFailure;
  }

  /** The entry that the call under way is for. A change that the visitor makes meanwhile adds to this one. */
  get entry() {
    return this.#entry;
  }

  /** What "try again" does. */
  repeat() {
    return this.#repeat();
  }

  abort() {
    this.#call?.abort();
    this.#entry = null;
  }

  #start(entry, repeat) {
    this.abort();
    this.#call = new AbortController();
    this.#entry = entry;
    this.#repeat = repeat;
    return this.#call.signal;
  }

  /**
   * Make the calls of an entry, then `show` the answer. Meanwhile the old answer fades or, if `anew`, blank cards hold
   * the places. Returns false if a newer call overtook these.
   */
  async load(entry, show, anew = false) {
    const signal = this.#start(entry, () => this.load(entry, show, anew));
    const waiting = titles.waiting(entry.query);
    view.showBusy(waiting, anew);
    if (anew) view.setTitle(waiting);
    try {
      entry.categories = await this.categories();
      await fetchAnswer(entry, signal);
      signal.throwIfAborted();
      this.#entry = null;
      show();
    } catch (error) {
      if (signal.aborted) return false;
      this.#entry = null;
      entry.answer = null; // Nobody should come back to an answer that cannot be shown.
      this.#onFailure(asFailure(error));
    }
    return true;
  }

  /** Add the next page to the answer of an entry. Returns its results; null if a newer call overtook it. */
  async loadMore(entry, repeat) {
    const signal = this.#start(entry, repeat);
    try {
      const more = await api.byWords(entry.query, entry.page + 1, signal);
      signal.throwIfAborted();
      entry.page += 1;
      entry.answer.next = more.next;
      entry.answer.near_misses = more.near_misses;
      entry.answer.results.push(...more.results);
      return more.results;
    } catch (error) {
      if (signal.aborted) return null;
      throw error;
    } finally {
      if (!signal.aborted) this.#entry = null;
    }
  }

  /** Ask the catalogue what a search by look can be filtered by. Returns whether it answered. */
  async loadFacets(entry) {
    entry.facets = null;
    try {
      entry.facets = await api.facets(searchedCategories(entry), entry.query.filters);
      return true;
    } catch {
      return false; // Then only the filters that are set show.
    }
  }

  /** Every category of the shop. The next call asks again if none has a product, or if no answer came. */
  async categories() {
    this.#categories ??= api.categories().catch(() => []);
    const known = await this.#categories;
    if (!known.some((category) => category.product_count)) this.#categories = null;
    return known;
  }
}

async function fetchAnswer(entry, signal) {
  const { query } = entry;
  switch (query.kind) {
    case "words":
      entry.answer = await api.inWords(query, entry.page, signal);
      entry.facets = entry.answer.facets;
      return;
    case "like":
      entry.product ??= await api.product(query.of, signal);
      entry.answer = await api.similar(query, signal);
      return;
    case "product":
      entry.product = await api.product(query.of, signal);
      entry.answer = entry.product.photos.length
        ? await api.similar(query, signal, KIN).catch(nothingLike(signal))
        : { results: [], why: titles.UNPICTURED };
      return;
    case "sample":
      entry.photo ??= await sample(query.of, signal);
  }
  if (entry.photo) entry.answer = await api.byPhoto(entry.photo, query, view.showSent, signal);
}

/** An answer that says why there are no look-alikes, so that the product shows without them. */
function nothingLike(signal) {
  return (error) => {
    if (signal.aborted || !(error instanceof Failure)) throw error;
    return { results: [], why: error.message };
  };
}

/** The slugs of the categories searched. An empty list stands for all. */
function searchedCategories(entry) {
  const { query, answer, product } = entry;
  if (query.kind === "like") return query.category === "all" ? [] : [query.category || product.category];
  const things = shownThings(entry);
  if (things.length) return [...new Set(things.flatMap(({ searched }) => searched))];
  const searched = answer.gate.categories.filter((category) => category.searched);
  return searched.length === answer.gate.categories.length ? [] : searched.map(({ slug }) => slug);
}

/** The failure that the visitor is told of. Every other error is a fault of this page. */
function asFailure(error) {
  if (error instanceof Failure) return error;
  console.error(error);
  return new Failure(UNSHOWN);
}
