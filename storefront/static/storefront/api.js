// The public API: three calls, and each way they fail as one sentence that a visitor understands.

const API = "/api/v1/";
const MATCHES = 24; // Fills rows of 2, 3, 4 and 6.
const PATIENCE_MS = 60_000; // The first search after a start may wait for the model to load, about 20 s.

/** A call that brought no answer. `message` is for the visitor; `again` says whether repeating it may help. */
export class Failure extends Error {
  constructor(message, again = false) {
    super(message);
    this.again = again;
  }
}

/**
 * Search by photo; in `category` (a slug or "all") when given, else where the shop itself would look.
 * `anyway`: whether to show matches that the shop finds too little similar.
 */
export function search(photo, category, anyway, signal) {
  const form = new FormData();
  form.append("image", photo);
  form.append("limit", MATCHES);
  if (category) form.append("category", category);
  if (anyway) form.append("min_similarity", 0);
  return call("search/", { method: "POST", body: form, signal });
}

export function similar(sku, anyway, signal) {
  const least = anyway ? "&min_similarity=0" : "";
  return call(`products/${encodeURIComponent(sku)}/similar/?limit=${MATCHES}${least}`, { signal });
}

export function indexState() {
  return call("index/", {});
}

async function call(path, { signal, ...request }) {
  const patience = AbortSignal.timeout(PATIENCE_MS);
  let response, text;
  try {
    response = await fetch(API + path, {
      ...request,
      signal: signal ? AbortSignal.any([signal, patience]) : patience,
      // Without cookies, so that a person logged in to the admin searches like anyone, with no CSRF token to send.
      credentials: "omit",
    });
    text = await response.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    if (patience.aborted) throw new Failure("The shop took too long to answer. Try again in a moment.", true);
    throw new Failure("The shop cannot be reached. Check your connection, then try again.", true);
  }
  const answer = parse(text);
  if (response.ok && answer) return answer;
  throw refusal(response, answer);
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function refusal(response, answer) {
  const said = (answer?.errors ?? []).map((error) => error.detail).join(" ");
  switch (response.status) {
    case 413:
      return new Failure(`That photo is too large. ${said || "Save it smaller and try again."}`);
    case 429:
      return new Failure(`That was a lot of searches in a short time. Try again ${when(response)}.`, true);
    case 503:
      return new Failure(said || `The shop is not ready to search. Try again ${when(response)}.`, true);
  }
  if (response.status >= 500) {
    return new Failure(`Something broke in the shop (error ${response.status}). Its log says what.`, true);
  }
  return new Failure(said || `The shop gave an answer that this page does not understand (${response.status}).`);
}

function when(response) {
  const seconds = Number(response.headers.get("Retry-After"));
  if (!seconds) return "in a moment";
  return seconds === 1 ? "in one second" : `in ${Math.ceil(seconds)} seconds`;
}
