// What is searched with: a photo, with dots on the things in it and a box around the part that counts, or a product.

import { Box } from "./box.js";
import { part, refill } from "./dom.js";
import { dots, spread } from "./dots.js";
import { address, product as productQuery } from "./query.js";

let shown = null; // The photo that shows: a File, or the address of a picture.
let photoUrl = null; // The object URL of the visitor's own photo while it shows.
let box = null;

/** `onThing` hears the number of a thing that is tapped, 0 for none; `onRegion` a region that is chosen, "" for all. */
export function listen({ onThing, onRegion }) {
  const texts = { where: part("box-where"), says: part("box-says"), how: part("box-how") };
  const isOffering = (offers) => {
    part("select").hidden = offers;
    part("whole").hidden = !offers;
  };
  const onWithdrawn = () => {
    isOffering(false);
    part("select").focus();
  };
  box = new Box(part("frame"), texts, { onSettled: onRegion, onWithdrawn });
  part("dots").addEventListener("click", ({ target }) => {
    const dot = target.closest("button");
    if (dot) onThing(dot.ariaPressed === "true" ? 0 : Number(dot.dataset.thing));
  });
  part("select").addEventListener("click", () => {
    isOffering(true);
    box.offer();
  });
  part("whole").addEventListener("click", () => {
    if (box.isOffered) return box.withdraw();
    box.drop();
    onRegion("");
  });
}

/** Leave off what the visitor is just doing with the box. */
export function dropBox() {
  box.drop();
}

/**
 * Show the photo that is searched with (a File, or the address of a picture). `region` is the part of it that counts.
 * `things` are what was seen in it, with their names; `chosen` is the number of one, counted from 1.
 */
export function showPhoto(photo, { region = "", things = [], names = [], chosen = 0 } = {}) {
  showPicture(photo, "Your photo");
  const framed = chosen ? things[chosen - 1].box.join(",") : region;
  box.show(framed);
  showDots(things, names, chosen);
  const isBoxed = Boolean(framed) || box.isOffered;
  part("select").hidden = isBoxed;
  part("whole").hidden = !isBoxed;
  part("whole").textContent = things.length ? "All things" : "Whole photo";
  part("another").hidden = false;
  part("subject-link").hidden = true;
}

/** Show the product that is searched with, by this photo or its first. `product` is null until it is known. */
export function showProduct(product, photo) {
  const file = (product?.photos.find(({ id }) => String(id) === photo) ?? product?.photos[0])?.file;
  showPicture(file ?? null, product?.name ?? "");
  box.show("");
  showDots([], [], 0);
  part("select").hidden = part("whole").hidden = part("another").hidden = true;
  part("subject-link").hidden = !product;
  if (product) part("subject-link").href = address(productQuery(product.sku));
}

export function hide() {
  part("subject").hidden = true;
}

function showPicture(photo, alt) {
  part("subject").hidden = false;
  if (photo === shown) return;
  shown = photo;
  box.drop();
  if (photoUrl) URL.revokeObjectURL(photoUrl);
  photoUrl = photo instanceof File ? URL.createObjectURL(photo) : null;
  const seen = (well) => {
    part("frame").hidden = !photo || !well;
    part("query-unseen").hidden = well;
    part("select").disabled = !well;
  };
  seen(true);
  const picture = part("query-photo");
  picture.alt = alt;
  picture.onerror = () => seen(false);
  picture.onload = place;
  if (photo) picture.src = photoUrl ?? photo;
}

function showDots(things, names, chosen) {
  const labels = names.map((name, place) => `${name}, thing ${place + 1} of ${things.length}`);
  refill(part("dots"), ...dots(things, labels, chosen));
  place();
}

function place() {
  spread(part("frame"), part("dots"));
}

/** The photo that shows, as something to draw. */
export function picture() {
  return part("query-photo");
}
