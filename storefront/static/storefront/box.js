// A box over a picture that a pointer or arrow keys move and resize. It is kept in fractions of the picture, as the API
// takes a region.

import { element } from "./dom.js";
import { filled } from "./texts.js";
import { percent } from "./words.js";

const LEAST = 0.05;
const STEP = 0.02;
const LEAP = 0.1; // With Shift.
const PAUSE_MS = 700; // Arrow keys come in rows: the box has settled so long after the last one.
const STILL = 4; // Pixels that a finger trembles: a shorter drag is a tap.
const WHOLE = { x: 0, y: 0, width: 1, height: 1 };
const FIRST = { x: 0.15, y: 0.15, width: 0.7, height: 0.7 };
const CORNERS = ["nw", "ne", "sw", "se"];
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** What is said of a box, in English. */
export const TEXTS = {
  box: "Selected part",
  box_nw: "Top left corner of the selected part",
  box_ne: "Top right corner of the selected part",
  box_sw: "Bottom left corner of the selected part",
  box_se: "Bottom right corner of the selected part",
  box_where: "{width} of the width and {height} of the height, {x} from the left and {y} from the top.",
};

export class Box {
  #before = null; // The region before the visitor began to change it.
  #offered = false; // Whether it shows a region that nobody has taken yet.
  #pause = 0; // The timer that ends a row of arrow keys.

  /**
   * A box in `stage`, whose size is the picture's. `where` says where it is. `says`, a live region, repeats that while it
   * is moved, and `how` tells how to do that. `onSettled` hears the region that the visitor chose, `onWithdrawn` that an
   * offer was turned down. `texts` are in `language`.
   */
  constructor(stage, { where, says, how }, { onSettled, onWithdrawn }, texts = TEXTS, language = "en") {
    Object.assign(this, { stage, where, says, onSettled, onWithdrawn, texts, language });
    const button = (className, label) => {
      const made = element("button", { type: "button", className });
      made.setAttribute("aria-label", label);
      made.setAttribute("aria-describedby", `${where.id} ${how.id}`);
      return made;
    };
    this.mover = button("mover", texts.box);
    const corners = CORNERS.map((corner) => {
      const handle = button(`corner ${corner}`, texts[`box_${corner}`]);
      handle.dataset.corner = corner;
      return handle;
    });
    this.box = element("div", { className: "box", hidden: true }, this.mover, ...corners);
    stage.append(this.box);
    this.box.addEventListener("pointerdown", (event) => this.#grab(event));
    this.#follow(this.box);
    this.box.addEventListener("keydown", (event) => this.#press(event));
  }

  /** Show the box around a region; hide it for none. What is offered, or just being moved, stays. */
  show(region) {
    if (this.#before || this.#offered) return;
    this.box.hidden = !region;
    if (region) this.#set(parse(region));
  }

  /** Offer a box. A tap or Enter takes it as it is, Escape takes it away. */
  offer() {
    this.#offered = true;
    this.box.hidden = false;
    this.#set(FIRST);
    this.mover.focus({ preventScroll: true });
  }

  get isOffered() {
    return this.#offered;
  }

  /** Have a mouse or a pen draw the box anew, anywhere on the photo. A finger scrolls there. */
  beDrawn() {
    this.stage.addEventListener("pointerdown", (event) => {
      const isDrawing = !event.button && event.pointerType !== "touch" && !event.target.closest("button");
      if (isDrawing) this.#draw(event);
    });
    this.#follow(this.stage);
  }

  /** Leave off what the visitor is just doing with it. */
  drop() {
    clearTimeout(this.#pause);
    this.#before = this.drag = null;
    this.#offered = false;
  }

  #set(region) {
    this.region = region;
    for (const [name, value] of Object.entries({ left: "x", top: "y", width: "width", height: "height" })) {
      this.box.style[name] = `${region[value] * 100}%`;
    }
    const said = Object.entries(region).map(([side, share]) => [
      side,
      percent(Number(share.toFixed(4)), this.language),
    ]);
    this.where.textContent = filled(this.texts.box_where, Object.fromEntries(said));
  }

  #change(region) {
    this.#before ??= this.region;
    this.#set(region);
    this.says.textContent = this.where.textContent;
  }

  #at({ clientX, clientY }) {
    const { left, top, width, height } = this.stage.getBoundingClientRect();
    return { x: between(0, (clientX - left) / width, 1), y: between(0, (clientY - top) / height, 1) };
  }

  #follow(surface) {
    surface.addEventListener("pointermove", (event) => this.drag?.(this.#at(event)));
    surface.addEventListener("pointerup", () => this.drag && this.#release());
    surface.addEventListener("pointercancel", () => this.#cancel());
    surface.addEventListener("lostpointercapture", () => this.drag && this.#cancel());
  }

  /** Span the box between where the pointer went down and where it is. */
  #draw(event) {
    clearTimeout(this.#pause);
    const from = this.#at(event);
    this.drag = (to) => {
      if (!this.#before && !this.#isFar(from, to)) return;
      if (this.box.hidden) {
        this.region = WHOLE;
        this.#offered = true;
        this.box.hidden = false;
      }
      this.#change(spanned(from, to));
    };
    this.stage.setPointerCapture(event.pointerId);
    event.preventDefault();
  }

  #isFar(from, to) {
    const { clientWidth, clientHeight } = this.stage;
    return Math.hypot((to.x - from.x) * clientWidth, (to.y - from.y) * clientHeight) >= STILL;
  }

  /** Pull a corner, or move the box. */
  #grab(event) {
    if (event.button) return;
    clearTimeout(this.#pause);
    const { corner } = event.target.dataset;
    const from = this.#at(event);
    const { region } = this;
    const move = (to) => moved(region, to.x - from.x, to.y - from.y);
    const change = corner ? (to) => spanned(opposite(region, corner), to) : move;
    this.drag = (to) => (this.#before || this.#isFar(from, to)) && this.#change(change(to));
    event.target.setPointerCapture(event.pointerId);
    event.target.focus({ preventScroll: true });
    event.preventDefault();
  }

  #release() {
    this.drag = null;
    this.#settle();
  }

  /** Take back what the visitor has changed since it was settled or offered. */
  #cancel() {
    if (this.#before) this.#set(this.#before);
    clearTimeout(this.#pause);
    this.#before = this.drag = null;
  }

  #escape(event) {
    const isUntouched = !this.#before;
    if (this.#before || this.#offered) event.preventDefault(); // Or a dialog around it would close.
    this.#cancel();
    if (this.#offered && isUntouched) this.withdraw();
  }

  /** Take an offer away. */
  withdraw() {
    this.drop();
    this.box.hidden = true;
    this.onWithdrawn();
  }

  #press(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return; // These keys are the browser's.
    if (event.key === "Escape") return this.#escape(event);
    if (event.key === "Enter") {
      event.preventDefault();
      return this.#settle();
    }
    if (!(event.key in ARROWS)) return;
    event.preventDefault();
    const step = event.shiftKey ? LEAP : STEP;
    const [across, down] = ARROWS[event.key].map((one) => one * step);
    const { corner } = event.target.dataset;
    this.#change(corner ? pulled(this.region, corner, across, down) : moved(this.region, across, down));
    clearTimeout(this.#pause);
    this.#pause = setTimeout(() => this.#settle(), PAUSE_MS);
  }

  #settle() {
    if (!this.#before && !this.#offered) return;
    this.drop();
    this.onSettled(format(this.region));
  }
}

const between = (least, value, most) => Math.min(Math.max(value, least), most);

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
