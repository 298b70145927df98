// Why a product matches: a dialog with the places of both photos that are alike, in words and in what the two share.

import { parse } from "./box.js";
import { element, part } from "./dom.js";
import { Failure } from "./failures.js";
import { api } from "./shop.js";
import * as words from "./words.js";

const SIDE = 480; // Pixels of the longer side of a drawn photo.
const COLD = [20, 14, 6, 150]; // Red, green, blue and opacity over a place that counts for nothing, of 255.
const WARM = [255, 150, 20, 110]; // And over the one that counts most.
const THIRDS = [
  ["upper left", "top", "upper right"],
  ["left", "middle", "right"],
  ["lower left", "bottom", "lower right"],
];
const ALL = "0,0,1,1";
const GONE = "This photo of the product is not in the shop any more. Search again to see what is.";

let call = null; // The AbortController of the question under way.

/** Ask why `hit` matches the `region` of the visitor's `photo` (a File), which `picture` shows, and show the answer. */
export async function ask(photo, picture, region, { product, photo_id: id, photo: source }) {
  const dialog = part("reason");
  call?.abort();
  call = new AbortController();
  const { signal } = call;
  part("reason-words").textContent = "Comparing the two photos…";
  part("reason-product").textContent = product.name;
  part("reason-traits").replaceChildren();
  part("reason-how").hidden = true;
  const ownPart = parse(region || ALL);
  for (const canvas of [part("reason-query"), part("reason-photo")]) blank(canvas);
  draw(part("reason-query"), picture, ownPart);
  const other = new Image();
  other.src = source;
  dialog.onclose = () => call.abort();
  part("reason-close").onclick = () => dialog.close();
  dialog.showModal();
  try {
    const answer = await api.explain(photo, region, id, signal);
    if (signal.aborted) return;
    show(answer, picture, ownPart);
    await other.decode().catch(() => {}); // Without the product's photo the words are still worth reading.
    if (!signal.aborted) draw(part("reason-photo"), other, parse(ALL), answer.photo);
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof Failure)) throw error;
    part("reason-words").textContent = error.astray ? GONE : error.message;
  }
}

export function close() {
  part("reason").close();
}

function show({ words: likely, similarity, query, attributes }, picture, ownPart) {
  const kind = likely ? `Probably ${likely.text}. ` : "";
  part("reason-words").textContent = `${kind}Similarity ${words.similarity(similarity, "cosine")}.`;
  part("reason-how").hidden = false;
  draw(part("reason-query"), picture, ownPart, query);
  part("reason-traits").replaceChildren(
    ...traits("As your photo seems to show", attributes.agree),
    ...traits("Your photo seems to show something else", attributes.differ),
  );
}

/** A title and a list of attributes of the product; of those that differ, also what is expected. */
function traits(title, listed) {
  const pairs = listed.map(({ name, value, expected }) => {
    const instead = expected === undefined ? "" : `, not ${words.value(expected)}`;
    return element("div", {}, element("dt", {}, words.attribute(name)), element("dd", {}, words.value(value) + instead));
  });
  return pairs.length ? [element("h3", {}, title), element("dl", {}, ...pairs)] : [];
}

function blank(canvas) {
  canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
  canvas.setAttribute("aria-label", "Not compared yet");
}

/** Draw a part of a picture, and over it the heat of its places if that is known. */
function draw(canvas, picture, { x, y, width, height }, map) {
  const [across, down] = [picture.naturalWidth * width, picture.naturalHeight * height];
  if (!across || !down) return;
  const scale = SIDE / Math.max(across, down);
  canvas.width = Math.max(1, Math.round(across * scale));
  canvas.height = Math.max(1, Math.round(down * scale));
  const context = canvas.getContext("2d");
  const [left, top] = [picture.naturalWidth * x, picture.naturalHeight * y];
  context.drawImage(picture, left, top, across, down, 0, 0, canvas.width, canvas.height);
  if (!map) return;
  context.imageSmoothingQuality = "high";
  context.drawImage(heated(map), 0, 0, canvas.width, canvas.height);
  canvas.setAttribute("aria-label", `Most alike at the ${hottest(map)}`);
}

/** The heat of a map, one pixel for each place. */
function heated({ rows, columns, heat }) {
  const canvas = new OffscreenCanvas(columns, rows);
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, rows);
  heat.flat().forEach((warmth, place) => {
    const colour = COLD.map((cold, channel) => cold + (WARM[channel] - cold) * warmth);
    image.data.set(colour, 4 * place);
  });
  context.putImageData(image, 0, 0);
  return canvas;
}

/** In which third of the height and the width the hottest place lies. */
function hottest({ rows, columns, heat }) {
  const all = heat.flat();
  const place = all.indexOf(Math.max(...all));
  const third = (position, count) => Math.floor((3 * (position + 0.5)) / count);
  return THIRDS[third(Math.floor(place / columns), rows)][third(place % columns, columns)];
}
