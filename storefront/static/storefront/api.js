// The public API: its calls, and for each way they fail one sentence that a visitor understands.

import { parameters } from "./query.js";

const API = "/api/v1/";
export const MATCHES = 24; // Fills rows of 2, 3, 4 and 6.
const BASKETS = 5; // The best one and the next best.
const PATIENCE_MS = 60_000; // The first search after a start may wait for the model to load, about 20 s.
const UPLOAD_PATIENCE_MS = 180_000; // 20 MB over a slow mobile network.
const BUSY_TRIES = 2; // How often a call is repeated by itself while many customers search.

/**
 * A call that brought no answer. `message` is for the visitor. `again` says whether repeating the call may help,
 * `astray` whether the shop lacks what the link asks for. `code` is the API's.
 */
export class Failure extends Error {
  constructor(message, { again = false, astray = false, status = 0, code = "" } = {}) {
    super(message);
    Object.assign(this, { again, astray, status, code });
  }
}

/**
 * Search by photo, or by a region of it. `words` say what shall differ. `category` is a slug or "all"; without it the shop
 * chooses where to look. Without category and region, the answer has the things in the photo. `anyway` also shows matches
 * that the shop finds too little similar. `onSent` hears the share sent.
 */
export function byPhoto(photo, { words, region, category, anyway, filters }, onSent, signal) {
  const form = new FormData();
  form.append("image", photo);
  form.append("limit", MATCHES);
  if (words) form.append("words", words);
  if (region) form.append("region", region);
  if (category) form.append("category", category);
  if (!region && !category) form.append("objects", "auto");
  if (anyway) form.append("min_similarity", 0);
  for (const [name, value] of parameters(filters)) form.append(name, value);
  return call(upload(form, onSent), "search/", { signal, patience: UPLOAD_PATIENCE_MS });
}

/** Why a photo of the shop (a hit's `photo_id`) matches the visitor's, or a region of it. */
export function explain(image, region, photo, signal) {
  const form = new FormData();
  form.append("image", image);
  form.append("photo", photo);
  if (region) form.append("region", region);
  return post("search/explain/", form, signal);
}

/** The best baskets of what a search found: one product for each of the things that are named by their numbers. */
export function baskets(queryId, things, budget, currency, signal) {
  const body = JSON.stringify({ query_id: queryId, only: things, budget, currency, limit: BASKETS });
  return post("baskets/", new Blob([body], { type: "application/json" }), signal);
}

export function similar({ of, photo, category, anyway, filters }, signal, limit = MATCHES) {
  const given = new URLSearchParams([["limit", limit], ...parameters(filters)]);
  if (photo) given.append("photo", photo);
  if (category) given.append("category", category);
  if (anyway) given.append("min_similarity", 0);
  return get(`products/${encodeURIComponent(of)}/similar/?${given}`, signal);
}

/** Search in words, ranked and highlighted. Without words, all products come by name. */
export async function byWords({ of, category, filters }, page, signal) {
  const given = new URLSearchParams([["page", page], ["page_size", MATCHES], ...parameters(filters)]);
  if (category) given.append("category", category);
  if (page === 1) given.append("facets", "true");
  if (of) return get(`search/text/?q=${encodeURIComponent(of)}&${given}`, signal);
  const answer = await get(`products/?${given}`, signal);
  return { ...answer, results: answer.results.map((product) => ({ product, photo: product.photos[0]?.file ?? null })) };
}

/** The first pages of a search in words, as one answer. */
export async function inWords(query, pages, signal) {
  const numbers = Array.from({ length: pages }, (_, place) => place + 1);
  const answers = await Promise.all(numbers.map((page) => byWords(query, page, signal)));
  return { ...answers[0], next: answers.at(-1).next, results: answers.flatMap(({ results }) => results) };
}

/** What there is to filter by in these categories, or in all if none is given. */
export async function facets(categories, filters, signal) {
  const given = new URLSearchParams([["facets", "true"], ["page_size", 1], ...parameters(filters)]);
  for (const category of categories) given.append("category", category);
  return (await get(`products/?${given}`, signal)).facets;
}

export function product(sku, signal) {
  return get(`products/${encodeURIComponent(sku)}/`, signal);
}

export function categories(signal) {
  return get("categories/", signal);
}

export function indexState() {
  return get("index/");
}

/** A sample photo, as a File. */
export async function sample(name, signal) {
  let response;
  try {
    response = await fetch(`/samples/${encodeURIComponent(name)}`, { signal });
  } catch (error) {
    if (signal.aborted) throw error;
  }
  if (!response?.ok) throw new Failure("That sample photo cannot be loaded. Choose another, or a photo of your own.");
  const blob = await response.blob();
  return new File([blob], name, { type: blob.type });
}

/** Tell the shop what the visitor did with an answer. Nobody waits for it, and it may get lost unnoticed. */
export function report(event) {
  fetch(`${API}events/`, {
    method: "POST",
    body: JSON.stringify(event),
    headers: { "Content-Type": "application/json" },
    credentials: "omit",
    keepalive: true, // The request outlives the page that the click leaves.
  }).catch(() => {});
}

function get(path, signal) {
  // Without cookies, so that a person logged in to the admin searches like anyone.
  return call((url, options) => fetch(url, { ...options, credentials: "omit" }), path, { signal });
}

function post(path, body, signal) {
  const send = (url, options) => fetch(url, { ...options, method: "POST", body, credentials: "omit" });
  return call(send, path, { signal });
}

/** The headers of an answer that this page reads. */
const READ = ["Retry-After", "X-Request-ID"];

/** Like fetch, but it tells what share of the form was sent. */
function upload(form, onSent) {
  return (url, { signal }) =>
    new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      request.open("POST", url);
      onSent(0);
      request.upload.addEventListener("progress", ({ loaded, total }) => onSent(total ? loaded / total : 0));
      request.addEventListener("load", () => {
        const headers = Object.fromEntries(READ.map((name) => [name, request.getResponseHeader(name) ?? ""]));
        resolve(new Response(request.responseText, { status: request.status, headers }));
      });
      request.addEventListener("error", () => reject(new TypeError("The connection broke.")));
      request.addEventListener("abort", () => reject(signal.reason));
      signal.addEventListener("abort", () => request.abort());
      request.send(form);
    });
}

async function call(send, path, { signal, patience = PATIENCE_MS }) {
  const enough = AbortSignal.timeout(patience);
  const given = signal ? AbortSignal.any([signal, enough]) : enough;
  let response, text;
  try {
    for (let tries = BUSY_TRIES; ; tries -= 1) {
      response = await send(API + path, { signal: given });
      text = await response.text();
      if (!tries || !isBusy(response, parse(text))) break;
      await pause(seconds(response), given);
    }
  } catch (error) {
    if (signal?.aborted) throw error;
    const again = true;
    if (enough.aborted) throw new Failure("The shop took too long to answer. Try again in a moment.", { again });
    throw new Failure("The shop cannot be reached. Check your connection, then try again.", { again });
  }
  const answer = parse(text);
  if (response.ok && answer) return answer;
  throw refusal(response, answer);
}

function isBusy({ status }, answer) {
  return status === 503 && ["busy", "decoders_busy"].includes(answer?.errors?.[0]?.code);
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

// The fields of which the API speaks to visitors. Its other messages are for those who write and run programs.
const VISITORS = new Set(["image", "words", "budget", "query_id"]);

function refusal(response, answer) {
  const { status } = response;
  const errors = answer?.errors ?? [];
  const said = errors.filter(({ attr }) => VISITORS.has(attr)).map(({ detail }) => detail).join(" ");
  const failure = (message, kind) => new Failure(message, { ...kind, status, code: errors[0]?.code });
  const again = true;
  switch (status) {
    case 400:
      if (said) return failure(said);
      return failure("This link asks for something the shop does not have.", { astray: true });
    case 404:
      return failure("The shop has no such product. It may have been taken out of the catalogue.");
    case 409:
      return failure("This shop’s model compares photos as a whole, so it cannot say why they match.");
    case 413:
      return failure("That photo is too large. Save it smaller and try again.");
    case 429:
      return failure(`That was a lot of searches in a short time. Try again ${when(response)}.`, { again });
    case 503:
      if (errors[0]?.code === "basket_too_hard") return failure("That is too hard a choice. Leave a thing out.");
      if (isBusy(response, answer)) {
        return failure(`Many customers search right now. Try again ${when(response)}.`, { again });
      }
      return failure(`Searching is not possible right now. Try again ${when(response)}.`, { again });
  }
  if (status >= 500) return failure(`Something broke in the shop. Try again in a moment.${number(response)}`, { again });
  return failure("The shop gave an answer that this page does not understand.", { again });
}

/** The number by which the shop finds what went wrong. */
function number(response) {
  const id = response.headers.get("X-Request-ID");
  return id ? ` If it stays so, tell the shop this number: ${id}` : "";
}

function when(response) {
  const wait = seconds(response);
  if (!wait) return "in a moment";
  return wait <= 1 ? "in one second" : `in ${Math.ceil(wait)} seconds`;
}

function seconds(response) {
  return Number(response.headers.get("Retry-After"));
}
