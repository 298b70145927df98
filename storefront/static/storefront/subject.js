// What is searched with: a photo, with dots on the things in it and a box around the part that counts, or a product.

import { Box } from "./box.js";
import { element, part, refill } from "./dom.js";
import { address, product as productQuery } from "./query.js";

const APART = 30; // Pixels between two dots, so that a finger meets one of them.

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
  picture.onload = spread;
  if (photo) picture.src = photoUrl ?? photo;
}

function showDots(things, names, chosen) {
  const dots = things.map(({ box: [x, y, width, height] }, place) => {
    const dot = element("button", { type: "button", className: "dot", ariaPressed: String(place + 1 === chosen) });
    dot.id = `dot-${place + 1}`;
    dot.textContent = place + 1;
    dot.dataset.thing = place + 1;
    dot.setAttribute("aria-label", `${names[place]}, thing ${place + 1} of ${things.length}`);
    const item = element("li", {}, dot);
    Object.assign(item.dataset, { x: x + width / 2, y: y + height / 2 });
    return item;
  });
  refill(part("dots"), ...dots);
  spread();
}

/** Put the dots in the middle of their things, as far apart as fingers need. */
function spread() {
  const { clientWidth: width, clientHeight: height } = part("frame");
  if (!width || !height) return;
  const items = [...part("dots").children];
  const points = items.map(({ dataset }) => [dataset.x * width, dataset.y * height]);
  for (let turn = 0; turn < 20; turn += 1) {
    for (const [place, one] of points.entries()) {
      for (const other of points.slice(0, place)) push(one, other);
      one[0] = Math.min(Math.max(one[0], APART / 2), width - APART / 2);
      one[1] = Math.min(Math.max(one[1], APART / 2), height - APART / 2);
    }
  }
  for (const [place, { style }] of items.entries()) {
    style.left = `${(points[place][0] / width) * 100}%`;
    style.top = `${(points[place][1] / height) * 100}%`;
  }
}

/** Push two points apart until they are APART, each by half. */
function push(one, other) {
  const [across, down] = [one[0] - other[0], one[1] - other[1]];
  const far = Math.hypot(across, down);
  if (far >= APART) return;
  const [right, below] = far ? [across / far, down / far] : [0, 1];
  const step = (APART - far) / 2;
  one[0] += right * step;
  one[1] += below * step;
  other[0] -= right * step;
  other[1] -= below * step;
}

/** The photo that shows, as something to draw. */
export function picture() {
  return part("query-photo");
}
