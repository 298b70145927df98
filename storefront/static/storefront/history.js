// Knows where the visitor is and was: every search and every product opened is an entry of the browser's history.
//
// What an entry showed is kept in memory, so that Back and Forward are instant. A search by the visitor's own photo
// survives them too, though no address holds it. The way back, the scroll and the pages shown outlive a reload.

import * as cards from "./cards.js";
import { part } from "./dom.js";
import * as queries from "./query.js";
import * as view from "./view.js";

const KEPT = 40; // Entries kept in memory; older ones are asked for again.
const STORED = "entries"; // The name in sessionStorage of what outlives a reload.

/**
 * The entries. Each has its query and what came of it: `photo`, `product`, `answer`, `facets`, `categories`, `failure`;
 * of a region also `whole`, the entry of the scene that it is part of, if that is known.
 * `page` counts the pages shown. `search` is the way back to the search. `opened` is the product last opened from here,
 * its `sku` and the id of its `place` on the page.
 */
export class SessionHistory {
  #kept = new Map(); // By key, oldest first.
  #stored = new Map(readStored()); // By key: what is known of entries from before a reload.
  #made = 0;
  #current = null;

  constructor() {
    history.scrollRestoration = "manual";
    this.#enter(this.#recall(history.state));
    history.replaceState({ key: this.#current.key }, "");
  }

  /** The entry that shows. */
  get current() {
    return this.#current;
  }

  /** A new entry, which is not part of the history yet. */
  begin(query, carried = {}) {
    this.#made += 1;
    return { key: `${performance.timeOrigin}.${this.#made}`, query, scroll: 0, page: 1, ...carried };
  }

  push(entry) {
    this.#leave();
    this.#enter(entry);
    history.pushState({ key: entry.key }, "", queries.address(entry.query));
  }

  /** Go to another search or product. */
  visit(query, photo) {
    this.push(this.begin(query, { photo, search: this.#searchBehind() }));
    scrollTo(0, 0);
  }

  /** Change the query of the entry that shows, without another entry. */
  revise(change) {
    this.#current.query = { ...this.#current.query, ...change };
    history.replaceState({ key: this.#current.key }, "", queries.address(this.#current.query));
  }

  /** Enter the place that the browser went back or forward to. */
  traverse(state) {
    this.#leave();
    this.#enter(this.#recall(state));
  }

  backToSearch() {
    history.go(-this.#current.search.steps);
  }

  restoreScroll() {
    scrollTo(0, this.#current.scroll);
  }

  /** Put the focus on the product that was opened from here, or on the title. */
  restoreFocus() {
    const { opened } = this.#current;
    if (!opened || !cards.focus(part(opened.place) ?? part("main"), opened.sku)) view.focusTitle();
  }

  /** Store where the visitor was, for a reload. The history takes no more changes, since the page is going already. */
  store() {
    this.#leave();
    for (const { key, search, scroll, page } of this.#kept.values()) {
      this.#stored.set(key, { key, search, scroll, page });
    }
    try {
      sessionStorage.setItem(STORED, JSON.stringify([...this.#stored].slice(-KEPT)));
    } catch {
      return; // The visitor's browser stores nothing.
    }
  }

  #enter(entry) {
    this.#current = entry;
    this.#kept.set(entry.key, entry);
    if (this.#kept.size > KEPT) this.#kept.delete(this.#kept.keys().next().value);
  }

  #leave() {
    this.#current.scroll = scrollY;
  }

  /** The entry of a place in the history, from memory or begun anew with what outlived a reload. */
  #recall(state) {
    const { key } = state ?? {};
    // The entry keeps its key: writing a new one to the history could stop a further step back on its way.
    return this.#kept.get(key) ?? this.begin(queries.read(location), this.#stored.get(key) ?? state);
  }

  /** The search that led here, and how many steps back it is; null if none did. */
  #searchBehind() {
    const { query, search } = this.#current;
    if (query.kind === "product") return search && { ...search, steps: search.steps + 1 };
    return query.kind === "start" ? null : { query, steps: 1 };
  }
}

/** Whether an entry is a search by the visitor's own photo, and that photo is gone with the page that had it. */
export const isForgotten = ({ query, photo }) => query.kind === "photo" && !photo;

function readStored() {
  try {
    return JSON.parse(sessionStorage.getItem(STORED)) ?? [];
  } catch {
    return [];
  }
}
