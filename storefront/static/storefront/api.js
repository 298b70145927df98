// The public API: its calls. failures.js says how each may fail.

import { Failure, FAILURES, isBusy, refusal, seconds } from "./failures.js";
import { parameters } from "./query.js";

const PATH = "/api/v1/";
export const MATCHES = 24; // Fills rows of 2, 3, 4 and 6.
const BASKETS = 5; // The best one and the next best.
const PATIENCE_MS = 60_000; // The first search after a start may wait for the model to load, about 20 s.
const UPLOAD_PATIENCE_MS = 180_000; // 20 MB over a slow mobile network.
const BUSY_TRIES = 2; // How often a call is repeated by itself while many customers search.

export class Api {
  #root; // The address of the API.
  #headers; // Those of every call that is made with the key.
  #texts;
  #language;

  /**
   * The API of the shop at `origin`, "" for the page's own. `key` is a publishable one, "" for none. Failures are told in
   * these `texts` (failures.js), which are in `language`.
   */
  constructor({ origin = "", key = "", texts = FAILURES, language = "en" } = {}) {
    this.#root = origin + PATH;
    this.#headers = key ? { Authorization: `Bearer ${key}` } : {};
    this.#texts = texts;
    this.#language = language;
  }

  /**
   * Search by photo, or by a region of it. `words` say what shall differ. `category` is a slug or "all"; without it the
   * shop chooses where to look. Without category and region, the answer has the things in the photo. `anyway` also shows
   * matches that the shop finds too little similar. `onSent` hears the share sent.
   */
  byPhoto(photo, { words, region, category, anyway, filters }, onSent, signal) {
    const form = new FormData();
    form.append("image", photo);
    form.append("limit", MATCHES);
    if (words) form.append("words", words);
    if (region) form.append("region", region);
    if (category) form.append("category", category);
    if (!region && !category) form.append("objects", "auto");
    if (anyway) form.append("min_similarity", 0);
    for (const [name, value] of parameters(filters)) form.append(name, value);
    return this.#call(upload(form, this.#headers, onSent), "search/", { signal, patience: UPLOAD_PATIENCE_MS });
  }

  /** Why a photo of the shop (a hit's `photo_id`) matches the visitor's, or a region of it. */
  explain(image, region, photo, signal) {
    const form = new FormData();
    form.append("image", image);
    form.append("photo", photo);
    if (region) form.append("region", region);
    return this.#post("search/explain/", form, signal);
  }

  /** The best baskets of what a search found: one product for each of the things that are named by their numbers. */
  baskets(queryId, things, budget, currency, signal) {
    const body = JSON.stringify({ query_id: queryId, only: things, budget, currency, limit: BASKETS });
    return this.#post("baskets/", new Blob([body], { type: "application/json" }), signal);
  }

  similar({ of, photo, category, anyway, filters }, signal, limit = MATCHES) {
    const given = new URLSearchParams([["limit", limit], ...parameters(filters)]);
    if (photo) given.append("photo", photo);
    if (category) given.append("category", category);
    if (anyway) given.append("min_similarity", 0);
    return this.#get(`products/${encodeURIComponent(of)}/similar/?${given}`, signal);
  }

  /** Search in words, ranked and highlighted. Without words, all products come by name. */
  async byWords({ of, category, filters }, page, signal) {
    const given = new URLSearchParams([["page", page], ["page_size", MATCHES], ...parameters(filters)]);
    if (category) given.append("category", category);
    if (page === 1) given.append("facets", "true");
    if (of) return this.#get(`search/text/?q=${encodeURIComponent(of)}&${given}`, signal);
    const answer = await this.#get(`products/?${given}`, signal);
    const results = answer.results.map((product) => ({ product, photo: product.photos[0]?.file ?? null }));
    return { ...answer, results };
  }

  /** The first pages of a search in words, as one answer. */
  async inWords(query, pages, signal) {
    const numbers = Array.from({ length: pages }, (_, place) => place + 1);
    const answers = await Promise.all(numbers.map((page) => this.byWords(query, page, signal)));
    const { next, near_misses } = answers.at(-1);
    return { ...answers[0], next, near_misses, results: answers.flatMap(({ results }) => results) };
  }

  /** What there is to filter by in these categories, or in all if none is given. */
  async facets(categories, filters, signal) {
    const given = new URLSearchParams([["facets", "true"], ["page_size", 1], ...parameters(filters)]);
    for (const category of categories) given.append("category", category);
    return (await this.#get(`products/?${given}`, signal)).facets;
  }

  product(sku, signal) {
    return this.#get(`products/${encodeURIComponent(sku)}/`, signal);
  }

  categories(signal) {
    return this.#get("categories/", signal);
  }

  /** Asked without the key: no publishable one has the scope. */
  indexState() {
    return this.#get("index/", undefined, {});
  }

  /** Tell the shop what the visitor did with an answer. Nobody waits for it, and it may get lost unnoticed. */
  report(event) {
    fetch(`${this.#root}events/`, {
      method: "POST",
      body: JSON.stringify(event),
      headers: { ...this.#headers, "Content-Type": "application/json" },
      credentials: "omit",
      keepalive: true, // The request outlives the page that the click leaves.
    }).catch(() => {});
  }

  #get(path, signal, headers = this.#headers) {
    // Without cookies, so that a person logged in to the admin searches like anyone.
    const send = (url, options) => fetch(url, { ...options, headers, credentials: "omit" });
    return this.#call(send, path, { signal });
  }

  #post(path, body, signal) {
    const asked = { method: "POST", body, headers: this.#headers, credentials: "omit" };
    return this.#call((url, options) => fetch(url, { ...options, ...asked }), path, { signal });
  }

  async #call(send, path, { signal, patience = PATIENCE_MS }) {
    const enough = AbortSignal.timeout(patience);
    const given = signal ? AbortSignal.any([signal, enough]) : enough;
    let response, text;
    try {
      for (let tries = BUSY_TRIES; ; tries -= 1) {
        response = await send(this.#root + path, { signal: given });
        text = await response.text();
        if (!tries || !isBusy(response, parse(text))) break;
        await pause(seconds(response), given);
      }
    } catch (error) {
      if (signal?.aborted) throw error;
      const code = enough.aborted ? "too_slow" : "unreachable";
      throw new Failure(this.#texts[code], { again: true, code });
    }
    const answer = parse(text);
    if (response.ok && answer) return answer;
    throw refusal(response, answer, this.#texts, this.#language);
  }
}

/** The headers of an answer that this module reads. */
const READ = ["Retry-After", "X-Request-ID"];

/** Like fetch, but it tells what share of the form was sent. */
function upload(form, headers, onSent) {
  return (url, { signal }) =>
    new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      request.open("POST", url);
      for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
      onSent(0);
      request.upload.addEventListener("progress", ({ loaded, total }) => onSent(total ? loaded / total : 0));
      request.addEventListener("load", () => {
        const told = Object.fromEntries(READ.map((name) => [name, request.getResponseHeader(name) ?? ""]));
        resolve(new Response(request.responseText, { status: request.status, headers: told }));
      });
      request.addEventListener("error", () => reject(new TypeError("The connection broke.")));
      request.addEventListener("abort", () => reject(signal.reason));
      signal.addEventListener("abort", () => request.abort());
      request.send(form);
    });
}

/** A time between once and twice as long: those who were turned away together shall not come back together. */
function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, 1000 * seconds * (1 + Math.random()));
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
