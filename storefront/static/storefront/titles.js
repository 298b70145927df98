// What an answer is called, and what to do if it is empty.

import { MATCHES } from "./api.js";
import { count as filtersSet } from "./filters.js";
import { shownThings } from "./scene.js";
import * as words from "./words.js";

/** What the page says while it waits for the answer to a query. */
export function waiting({ kind, of }) {
  if (kind === "words") return of ? `Looking for “${of}”…` : "Looking around…";
  return kind === "product" ? "Opening the product…" : "Looking for matches…";
}

/**
 * What was found: "3 things in your photo", "6 matches in Chair", "The 24 closest in Chair" of maybe more, or "12 results
 * for “oak”".
 */
export function found(entry) {
  const { query, answer, product, categories } = entry;
  const { length } = answer.results;
  if (query.kind === "words") return inWords(query, answer, categories);
  const things = shownThings(entry);
  if (things.length) return `${words.count(things.length, "thing")} in your photo`;
  const full = length === MATCHES; // There may be more.
  const similar = full ? closest(length) : `${some(length, "product")} similar`;
  if (query.kind === "like") return `${similar} to ${product.name}`;
  const strange = answer.gate.mode === "unknown" && length; // The closest are no matches then.
  return `${full || strange ? closest(length) : some(length, "match", "matches")} in ${place(answer.gate)}`;
}

const closest = (number) => `The ${number} closest`;

function inWords({ of, category }, { count }, categories) {
  const room = categories.find(({ slug }) => slug === category)?.name ?? category;
  const within = category ? ` in ${room}` : "";
  return of ? `${some(count, "result")} for “${of}”${within}` : `${some(count, "product")}${within}`;
}

/** What keeps products out of a search by photo; "" if nothing does. */
export function unmet({ filters, words }) {
  if (words) return "Nothing fits what you asked for.";
  return filtersSet(filters) ? "Nothing passes the filters that are set." : "";
}

/** Why nothing or not everything is shown, and the ways out; null if there is nothing to say. */
export function lacking(entry) {
  const { query, answer, product } = entry;
  if (query.kind === "like" && !product.photos.length) return [UNPICTURED];
  const clear = filtersSet(query.filters) ? ["clear"] : [];
  const things = shownThings(entry);
  const left = things.find(({ left_out: one }) => one)?.left_out ?? answer.left_out;
  const found = things.length ? things.flatMap(({ results }) => results) : answer.results;
  if (found.length) return left ? ["Less similar products are not shown.", "anyway"] : null;
  if (left) {
    // Both show all their digits: cut to two, both might read 0.55.
    const bounds = `The closest has a similarity of ${left.similarity}; the shop asks for ${left.min_similarity}.`;
    return [`Nothing is similar enough. ${bounds}`, "anyway", ...clear];
  }
  if (query.words && answer.words) return [OTHER_CONDITIONS, ...clear];
  if (clear.length) return ["Nothing here passes the filters that are set.", ...clear];
  if (query.kind === "words") return [query.of ? OTHER_WORDS : NOTHING_YET, "rechoose"];
  return ["The shop has no photo here to compare with yet. Look in another category.", ...clear];
}

const OTHER_CONDITIONS = "Nothing here fits what you asked for. Take off a condition, or look in another category.";

const OTHER_WORDS = "Try fewer or other words, or search with a photo of what you have in mind.";

const NOTHING_YET = "The shop has no products here yet. Look elsewhere, or search with a photo.";

export const UNPICTURED = "This product has no photo, so nothing can be compared with it.";

/** The title of a search that failed, the reason and the ways on. */
export function failed({ message, again, astray }) {
  const ways = [...(again ? ["retry"] : []), ...(astray ? ["without"] : []), "rechoose"];
  return ["This search did not work", message, ...ways];
}

export const FORGOTTEN = [
  "This search was made with a photo",
  "A photo is not part of an address, and the shop does not keep it. Choose it again to see its matches.",
  "rechoose",
];

function some(number, one, many = `${one}s`) {
  return number ? words.count(number, one, many) : `No ${one}`;
}

/** The categories that the gate chose. It also searches those that it has not learned, which are not named. */
function place({ categories }) {
  const searched = categories.filter((category) => category.searched);
  const learned = searched.filter(({ probability }) => probability !== null);
  const chosen = learned.length && searched.length < categories.length ? learned : searched;
  return chosen.length === 1 ? chosen[0].name : words.count(chosen.length, "category", "categories");
}
