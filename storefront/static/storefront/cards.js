// The grid: one card a product. Everything that comes from the API is set as text or as an attribute, never as HTML.

import { element, part } from "./dom.js";
import { address, like, product as productQuery } from "./query.js";
import * as words from "./words.js";

const BLANKS = 8;
const ALSO = 3; // Products named under a picture that they share; the rest is counted.

/**
 * Put the products of an answer into a grid. `onOpen(hit, position)` hears which is opened, counted from 1, and
 * `onWhy(hit)` about which the visitor asks why it matches; without it nobody can. `level` is that of the headings.
 */
export function fill(grid, answer, handlers) {
  grid.replaceChildren();
  append(grid, answer, answer.results, handlers);
}

/** Add these results of an answer below those that are there. */
export function append(grid, answer, results, { onOpen, onWhy, level = 2 }) {
  const before = grid.childElementCount;
  const opener = (hit, place) => () => onOpen(hit, before + place + 1);
  grid.append(...results.map((hit, place) => card(hit, answer, { onOpen: opener(hit, place), onWhy, level })));
}

/** Hold the places of the cards while an answer is on its way. */
export function blanks(grid, number = BLANKS) {
  const blank = () => element("li", { className: "card blank" }, element("div", { className: "tile" }));
  grid.replaceChildren(...Array.from({ length: number }, blank));
}

/** Put the focus on a product. Returns false where it does not show. */
export function focus(grid, sku) {
  const links = [...grid.querySelectorAll(`[data-sku="${CSS.escape(sku)}"] .name a`)];
  const link = links.find((one) => one.checkVisibility());
  link?.focus({ preventScroll: true });
  return Boolean(link);
}

/** The price and the stock of a product, into their two elements. */
export function facts(product, price, stock) {
  price.textContent = words.price(product);
  stock.textContent = product.in_stock ? "In stock" : "Sold out";
  stock.classList.toggle("out", !product.in_stock);
}

/** Show a picture, or say that it is missing. */
export function picture(image, source) {
  image.onerror = () => image.replaceWith("No picture");
  if (source) image.src = source;
  else image.replaceWith("No picture");
}

function card(hit, answer, { onOpen, onWhy, level }) {
  const { product, photo, highlight } = hit;
  const item = part("card").content.firstElementChild.cloneNode(true);
  const piece = (name) => item.querySelector(`.${name}`);
  item.dataset.sku = product.sku;
  picture(item.querySelector("img"), photo);
  piece("name").ariaLevel = level;
  const link = piece("name").firstElementChild;
  link.href = address(productQuery(product.sku));
  link.append(...(highlight ? marked(highlight.name) : [product.name]));
  link.addEventListener("click", onOpen);
  facts(product, piece("price"), piece("stock"));
  if (hit.misses) piece("said").append(hit.misses.map(({ text }) => text).join(", "));
  if (highlight?.description) piece("said").append(...marked(highlight.description));
  if (hit.found_by === "meaning") piece("word").textContent = "similar in meaning";
  else if ("similarity" in hit && !highlight) likeness(hit.similarity, answer, piece("number"), piece("word"));
  if (onWhy && "photo_id" in hit) askable(piece("ask"), product.name, () => onWhy(hit));
  if (hit.duplicates?.length) piece("also").append("Also as ", ...also(hit.duplicates));
  piece("similar").href = address(like(product.sku));
  piece("similar").setAttribute("aria-label", `Products similar to ${product.name}`);
  return item;
}

function likeness(similarity, answer, number, word) {
  number.textContent = words.similarity(similarity, answer.metric);
  const best = Math.max(...answer.results.map((one) => one.similarity)); // Words may rank another one first.
  word.textContent = words.likeness(similarity, best, answer);
}

function askable(button, name, onClick) {
  button.hidden = false;
  button.setAttribute("aria-label", `Why ${name} matches`);
  button.addEventListener("click", onClick);
}

/** A text made of its segments. Those that match are marked. */
function marked(segments) {
  return segments.map(({ text, match }) => (match ? element("mark", {}, text) : text));
}

/** The other products with this picture: "A", "A, B" or "A, B, C and 4 more". */
function also(duplicates) {
  const named = ({ product }) => element("a", { href: address(productQuery(product.sku)) }, product.name);
  const shown = duplicates.slice(0, ALSO).flatMap((other) => [", ", named(other)]).slice(1);
  return duplicates.length > ALSO ? [...shown, ` and ${duplicates.length - ALSO} more`] : shown;
}
