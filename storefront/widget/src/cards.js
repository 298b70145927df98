// A product of an answer: photo, name, price. All that comes from the API is set as text or attribute, never as HTML.

import { element } from "../../static/storefront/dom.js";
import { price } from "../../static/storefront/words.js";
import { made } from "./made.js";

/** The cards of hits. `host` is the element that shows them; `onSelect(event, hit, position)` hears which is chosen. */
export function cards(hits, host, language, onSelect) {
  return hits.map((hit, place) => card(hit, host, language, (event) => onSelect(event, hit, place + 1)));
}

/** What holds the places of cards while an answer is on its way. */
export function blanks(number) {
  const blank = () =>
    element("li", { className: "card blank", ariaHidden: "true" }, element("div", { className: "image" }));
  return Array.from({ length: number }, blank);
}

function card(hit, host, language, onSelect) {
  const { product, photo, duplicates = [] } = hit;
  const name = made("p", "name", {}, opener(product, host, onSelect));
  const item = made("li", "card", {}, image(photo, language), name);
  item.dataset.sku = product.sku;
  const cost = price(product, language.tag);
  if (cost) item.append(made("p", "price", {}, cost));
  if (!product.in_stock) item.append(made("p", "stock", {}, language.say("sold_out")));
  const names = [...new Set(duplicates.map((other) => other.product.name))].filter((other) => other !== product.name);
  if (names.length)
    item.append(element("p", { className: "also" }, language.say("also", { names: language.list(names) })));
  return item;
}

/** A link to the product's page; a button where it has none, for a page that shows products by itself. */
function opener(product, host, onSelect) {
  const href = host.addressOf(product);
  const made = href ? element("a", { href }, product.name) : element("button", { type: "button" }, product.name);
  made.setAttribute("part", "link");
  made.addEventListener("click", onSelect);
  // The middle button opens links in another tab.
  if (href) made.addEventListener("auxclick", (event) => event.button === 1 && onSelect(event));
  return made;
}

function image(source, language) {
  const tile = made("div", "image");
  const none = () => tile.replaceChildren(language.say("no_picture"));
  if (!source) {
    none();
    return tile;
  }
  const picture = element("img", {
    alt: "",
    width: 400,
    height: 400,
    loading: "lazy",
    decoding: "async",
    onerror: none,
  });
  picture.src = source;
  tile.append(picture);
  return tile;
}
