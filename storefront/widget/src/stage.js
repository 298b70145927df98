// The visitor's photo in the dialog: dots on the things in it, and a box around the part that counts.

import { Box } from "../../static/storefront/box.js";
import { element } from "../../static/storefront/dom.js";
import { dots, spread } from "../../static/storefront/dots.js";
import { made, unseen } from "./made.js";

const SIDE = 800; // Pixels of the longer side of the drawn photo: it is shown at half of that at most.

export class Stage {
  #frame;
  #canvas;
  #dots;
  #box;
  #unseen;
  #drawn = null; // The photo that is drawn, or is about to be.

  /** `onThing(number)` hears which thing is chosen, `onRegion(region)` which part of the photo. */
  constructor(language, { onThing, onRegion, onWithdrawn }) {
    this.language = language;
    this.#canvas = element("canvas", { role: "img", ariaLabel: language.say("your_photo") });
    this.#dots = element("ul", { className: "dots", role: "list", ariaLabel: language.say("things") });
    this.#frame = made("div", "frame", {}, this.#canvas, this.#dots);
    this.#unseen = element("p", { className: "muted", hidden: true }, language.say("unseen"));
    const [where, how] = ["box-where", "box-how"].map((id) => unseen("p", { id }));
    const says = unseen("p", { role: "status" });
    how.textContent = language.say("box_how");
    const handlers = { onSettled: onRegion, onWithdrawn };
    this.#box = new Box(this.#frame, { where, says, how }, handlers, language.texts, language.tag);
    this.#box.beDrawn();
    this.element = made("div", "photo", {}, this.#frame, this.#unseen, where, says, how);
    this.#dots.addEventListener("click", ({ target }) => {
      const dot = target.closest("button");
      if (dot) onThing(Number(dot.dataset.thing));
    });
    new ResizeObserver(() => spread(this.#frame, this.#dots)).observe(this.#frame);
  }

  /** Draw a photo, rather than have its address shown: a page's policy need not allow any. */
  async draw(photo) {
    this.#drawn = photo;
    this.show({});
    let bitmap = null;
    try {
      bitmap = await createImageBitmap(photo, { imageOrientation: "from-image" });
    } catch {
      // The browser cannot read it. The shop may.
    }
    if (photo !== this.#drawn) return;
    this.#frame.hidden = !bitmap;
    this.#unseen.hidden = Boolean(bitmap);
    if (!bitmap) return;
    const scale = Math.min(1, SIDE / Math.max(bitmap.width, bitmap.height));
    this.#canvas.width = Math.max(1, Math.round(bitmap.width * scale));
    this.#canvas.height = Math.max(1, Math.round(bitmap.height * scale));
    const context = this.#canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(bitmap, 0, 0, this.#canvas.width, this.#canvas.height);
    bitmap.close();
    spread(this.#frame, this.#dots);
  }

  /** Show the box around a region, "" for none, and dots on the things. `chosen` is the number of one, or 0. */
  show({ region = "", things = [], names = [], chosen = 0 }) {
    this.#box.show(region);
    const label = (name, place) => this.language.say("thing", { name, number: place + 1, count: things.length });
    const focused = this.#dots.getRootNode().activeElement?.id;
    this.#dots.replaceChildren(...dots(things, names.map(label), chosen));
    if (focused?.startsWith("dot-")) this.#dots.querySelector(`#${focused}`)?.focus({ preventScroll: true });
    spread(this.#frame, this.#dots);
  }

  get isSeen() {
    return !this.#frame.hidden;
  }

  get isOffering() {
    return this.#box.isOffered;
  }

  offer() {
    this.#box.offer();
  }

  withdraw() {
    this.#box.withdraw();
  }

  /** Leave off what the visitor is just doing with the box. */
  drop() {
    this.#box.drop();
  }
}
