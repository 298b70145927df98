// The visitor chooses a part of a photo with a pointer or with arrow keys. It is kept in fractions of the photo, as the
// API takes them.

import { element, part } from "./dom.js";
import { percent } from "./words.js";

const LEAST = 0.05;
const STEP = 0.02;
const LEAP = 0.1; // With Shift.
const WHOLE = { x: 0, y: 0, width: 1, height: 1 };
const FIRST = { x: 0.15, y: 0.15, width: 0.7, height: 0.7 };
const CORNERS = { nw: "Top left", ne: "Top right", sw: "Bottom left", se: "Bottom right" };
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** A box over the picture in `stage`; `says` is a live region that tells where it is. */
class Cropper {
  constructor(stage, says) {
    this.stage = stage;
    this.says = says;
    this.picture = element("img", { alt: "Your photo", draggable: false });
    this.box = element("div", { className: "box" });
    this.mover = button("mover", "Selected part");
    const corners = Object.entries(CORNERS).map(([corner, name]) => {
      const handle = button(`corner ${corner}`, `${name} corner of the selected part`);
      handle.dataset.corner = corner;
      return handle;
    });
    this.box.append(this.mover, ...corners);
    stage.append(this.picture, this.box);
    stage.addEventListener("pointerdown", (event) => this.grab(event));
    stage.addEventListener("pointermove", (event) => this.drag?.(this.at(event)));
    for (const end of ["pointerup", "pointercancel"]) stage.addEventListener(end, () => (this.drag = null));
    this.box.addEventListener("keydown", (event) => this.press(event));
  }

  open(source, region) {
    this.picture.src = source;
    this.set(region ? parse(region) : FIRST);
  }

  set(region) {
    this.region = region;
    for (const [name, value] of Object.entries({ left: "x", top: "y", width: "width", height: "height" })) {
      this.box.style[name] = `${region[value] * 100}%`;
    }
    const { x, y, width, height } = region;
    this.says.textContent =
      `${percent(width)} of the width and ${percent(height)} of the height, ` +
      `${percent(x)} from the left and ${percent(y)} from the top.`;
  }

  at({ clientX, clientY }) {
    const { left, top, width, height } = this.picture.getBoundingClientRect();
    return { x: between(0, (clientX - left) / width, 1), y: between(0, (clientY - top) / height, 1) };
  }

  /** Pull a corner, move the box or, beside it, draw a new one. */
  grab(event) {
    if (event.button) return;
    const { corner } = event.target.dataset;
    const from = this.at(event);
    const { region } = this;
    if (corner) this.drag = (to) => this.set(spanned(opposite(region, corner), to));
    else if (event.target === this.mover) this.drag = (to) => this.set(moved(region, to.x - from.x, to.y - from.y));
    else this.drag = (to) => far(from, to) && this.set(spanned(from, to));
    this.stage.setPointerCapture(event.pointerId);
    (corner ? event.target : this.mover).focus();
    event.preventDefault();
  }

  press(event) {
    if (!(event.key in ARROWS)) return;
    event.preventDefault();
    const step = event.shiftKey ? LEAP : STEP;
    const [across, down] = ARROWS[event.key].map((one) => one * step);
    const { corner } = event.target.dataset;
    this.set(corner ? pulled(this.region, corner, across, down) : moved(this.region, across, down));
  }
}

function button(className, label) {
  const made = element("button", { type: "button", className });
  made.setAttribute("aria-label", label);
  made.setAttribute("aria-describedby", "crop-how crop-says");
  return made;
}

const between = (least, value, most) => Math.min(Math.max(value, least), most);
const far = (one, other) => Math.max(Math.abs(one.x - other.x), Math.abs(one.y - other.y)) >= LEAST / 2;

function moved({ x, y, width, height }, across, down) {
  return { x: between(0, x + across, 1 - width), y: between(0, y + down, 1 - height), width, height };
}

function pulled(region, corner, across, down) {
  const fixed = opposite(region, corner);
  const x = corner.includes("w") ? region.x : region.x + region.width;
  const y = corner.includes("n") ? region.y : region.y + region.height;
  return spanned(fixed, { x: between(0, x + across, 1), y: between(0, y + down, 1) });
}

function opposite({ x, y, width, height }, corner) {
  return { x: corner.includes("w") ? x + width : x, y: corner.includes("n") ? y + height : y };
}

/** The box between a fixed point and another. It is at least LEAST wide and high, and within the photo. */
function spanned(fixed, to) {
  const [x, width] = side(fixed.x, to.x);
  const [y, height] = side(fixed.y, to.y);
  return { x, y, width, height };
}

function side(fixed, to) {
  const length = Math.max(Math.abs(to - fixed), LEAST);
  return [between(0, to < fixed ? fixed - length : fixed, 1 - length), length];
}

/** The region as the API takes it. It is rounded down, so that no part of it leaves the photo. */
function format({ x, y, width, height }) {
  return [x, y, width, height].map((value) => Math.floor(value * 10_000) / 10_000).join(",");
}

/** The region in an address, or the whole photo if the address does not say four fractions. */
export function parse(region) {
  const [x, y, width, height] = region.split(",").map(Number);
  const sound = [x, y, width, height].every((value) => value >= 0 && value <= 1) && width > 0 && height > 0;
  return sound ? { x, y, width, height } : WHOLE;
}

let cropper = null;

/** Ask for a part of the photo at `source`. `onChosen` gets the region, or "" for the whole photo. */
export function ask(source, region, onChosen) {
  const dialog = part("crop");
  cropper ??= new Cropper(part("crop-stage"), part("crop-says"));
  cropper.open(source, region);
  const answer = (chosen) => () => {
    dialog.close();
    if (chosen) onChosen(chosen());
  };
  part("crop-search").onclick = answer(() => format(cropper.region));
  part("crop-whole").onclick = answer(() => "");
  part("crop-whole").hidden = !region;
  part("crop-cancel").onclick = answer();
  dialog.showModal();
  cropper.mover.focus();
}
