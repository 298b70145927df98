// One product's page: its photos, facts and look-alikes.

import * as cards from "./cards.js";
import { element, part } from "./dom.js";
import { address, like, words as wordsQuery } from "./query.js";
import * as view from "./view.js";
import * as words from "./words.js";

/** Clear the page for the product that comes. `search` is the one that led to it, if one did. */
export function showBusy(search) {
  part("product-back").textContent = search ? "← Back to the search" : "← All products";
  part("product-back").href = address(search ? search.query : wordsQuery(""));
  for (const id of ["name", "category", "price", "stock", "description"]) part(`product-${id}`).textContent = "";
  for (const id of ["buy", "like", "retry"]) part(`product-${id}`).hidden = true;
  part("product-gallery").hidden = false;
  part("product-attributes").replaceChildren();
  part("product-thumbs").replaceChildren();
  stage("");
  kin().hidden = true;
}

/** Show the product of an entry, or why there is none. `onOpen(hit, position)` hears which look-alike is opened. */
export function show({ product, answer, categories, failure }, onOpen) {
  view.settle("done", "");
  if (!answer) return showFailure(failure);
  showFacts(product, categories.find(({ slug }) => slug === product.category)?.name ?? product.category);
  showKin(answer, onOpen);
  view.setTitle(product.name);
}

/** Say on the cleared page why there is no product. */
function showFailure({ message, again, status }) {
  const title = status === 404 ? "No such product" : "This product did not open";
  part("product-gallery").hidden = true;
  part("product-name").textContent = title;
  part("product-description").textContent = message;
  part("product-retry").hidden = !again;
  view.settle("done", title);
  view.setTitle(title);
}

/** `category` is the name of the product's category. */
function showFacts(product, category) {
  const { sku, name, description, url, attributes, photos } = product;
  part("product-name").textContent = name;
  part("product-category").textContent = category;
  part("product-category").href = address(wordsQuery("", product.category));
  cards.facts(product, part("product-price"), part("product-stock"));
  part("product-description").textContent = description;
  const sold = /^https?:/.test(url);
  part("product-buy").hidden = !sold;
  if (sold) part("product-buy").href = url;
  part("product-like").hidden = !photos.length;
  showAttributes({ ...attributes, "Article number": sku });
  showPhotos(product);
  kin().hidden = false;
}

/** Show the look-alikes, or why there are none. */
function showKin(answer, onOpen) {
  cards.fill(part("kin"), answer, { onOpen });
  part("kin-none").textContent = answer.why ?? "Nothing in the shop looks like this yet.";
  part("kin-none").hidden = answer.results.length > 0;
}

function showAttributes(attributes) {
  const pairs = Object.entries(attributes).map(([name, value]) =>
    element("div", {}, element("dt", {}, words.attribute(name)), element("dd", {}, words.value(value))),
  );
  part("product-attributes").replaceChildren(...pairs);
}

function showPhotos({ sku, name, photos }) {
  const buttons = photos.map((photo, place) => {
    const button = element("button", { type: "button", className: "thumb" });
    const alt = `Photo ${place + 1} of ${photos.length}`;
    button.append(element("img", { src: photo.file, alt, width: 80, height: 80 }));
    button.addEventListener("click", () => choose(photo, button));
    return button;
  });
  const choose = (photo, chosen) => {
    stage(photo.file, name);
    part("product-like").href = address(like(sku, String(photo.id)));
    for (const button of buttons) button.ariaCurrent = String(button === chosen);
  };
  const items = photos.length > 1 ? buttons.map((button) => element("li", {}, button)) : [];
  part("product-thumbs").replaceChildren(...items);
  if (photos.length) choose(photos[0], buttons[0]);
  else unpictured();
}

function stage(source, alt = "") {
  const photo = part("product-photo");
  photo.hidden = !source;
  photo.alt = alt;
  photo.onerror = unpictured;
  part("product-unpictured").hidden = true;
  if (source) photo.src = source;
  else photo.removeAttribute("src");
}

function unpictured() {
  part("product-photo").hidden = true;
  part("product-unpictured").hidden = false;
}

const kin = () => part("kin").parentElement;
