// What can be measured: a slider with two thumbs for each number, and a box of what a piece has to fit into.

import { element } from "./dom.js";
import * as words from "./words.js";

const STEPS = 100; // Of a slider at least, in steps that are round.
const WHOLE = 10; // Over so much nobody chooses in tenths.
const OPEN = 1; // Sliders that show from the start.
const BOX = { width_cm: "Width", depth_cm: "Depth", height_cm: "Height" };

const sliders = new Map(); // By number. They stay while somebody drags their thumbs.
const all = element("div", { className: "numbers" });
const fields = Object.fromEntries(Object.entries(BOX).map(([name, text]) => [name, boxField(name, text)]));
const box = element("fieldset", { className: "fits-into", hidden: true }, element("legend", {}, "Fits into (cm)"));
box.append(...Object.values(fields).map(({ label }) => label));

/** The elements for a form. A change of one carries the parameter and its value: `read` understands it. */
export const parts = [box, all];

/** Show the facets of numbers and what is set of them, `{width_cm_max: "120"}`. */
export function show(facets, set) {
  const known = facets.filter(({ min, max }) => min < max).sort((one, other) => rank(one) - rank(other));
  const names = new Set(known.map(({ name }) => name));
  box.hidden = !Object.keys(BOX).some((name) => names.has(name) || set[`${name}_max`]);
  for (const [name, { label, input }] of Object.entries(fields)) {
    const parameter = `${name}_max`;
    label.hidden = !names.has(name) && !set[parameter];
    refresh(input, set[parameter] ?? "");
  }
  for (const facet of known) {
    if (!sliders.has(facet.name)) sliders.set(facet.name, new Slider(facet.name, sliders.size < OPEN));
    sliders.get(facet.name).show(facet, set);
  }
  const shown = known.map(({ name }) => sliders.get(name).element);
  const isSame = shown.length === all.childElementCount && shown.every((one, place) => one === all.children[place]);
  if (!isSame) all.replaceChildren(...shown); // A thumb that is moved in the document drops out of the hand.
}

/** Width, depth and height come first, in this order. The others stay in theirs. */
function rank({ name }) {
  const place = Object.keys(BOX).indexOf(name);
  return place < 0 ? Object.keys(BOX).length : place;
}

/** What is set after this control has changed. A bound that is passed by the other one goes along with it. */
export function read(set, { dataset: { number, limit }, value }) {
  if (!number) return set;
  const { [number]: _, ...others } = set;
  if (value === "" || Number(value) === Number(limit)) return others;
  const isMost = number.endsWith("_max");
  const other = number.replace(/_(min|max)$/, isMost ? "_min" : "_max");
  const isPassed = others[other] && (isMost ? Number(others[other]) > Number(value) : Number(others[other]) < Number(value));
  return { ...others, [number]: value, ...(isPassed && { [other]: value }) };
}

/** Show what is set, unless somebody is typing and it is the same as before. */
function refresh(input, value) {
  if (input === document.activeElement && input.defaultValue === value) return;
  input.defaultValue = input.value = value;
}

function boxField(name, text) {
  const input = element("input", { type: "number", id: `fits-${name}`, min: 0, step: "any", inputMode: "decimal" });
  input.dataset.number = `${name}_max`;
  return { input, label: element("label", {}, element("span", {}, text), input) };
}

class Slider {
  constructor(name, open) {
    const [, quantity, unit] = name.match(/^(.*?)(?:_(cm|kg))?$/);
    this.name = name;
    this.unit = unit ?? "";
    this.lowest = this.thumb("min", `${words.attribute(quantity)}, at least`);
    this.highest = this.thumb("max", `${words.attribute(quantity)}, at most`);
    this.says = element("output", { className: "says" });
    this.bars = element("div", { className: "bars", ariaHidden: "true" });
    this.element = element(
      "details",
      { open },
      element("summary", { id: `filter-${name}` }, words.attribute(name)),
      element("div", { className: "slider" }, this.bars, this.lowest, this.highest),
      this.says,
    );
    this.element.addEventListener("input", () => this.moved());
  }

  thumb(end, label) {
    const input = element("input", { type: "range", id: `slider-${this.name}-${end}`, ariaLabel: label });
    input.dataset.number = `${this.name}_${end}`;
    return input;
  }

  show({ min, max, buckets }, set) {
    const step = Math.max(roundStep((max - min) / STEPS), max - min < WHOLE ? 0 : 1);
    const [from, to] = [Math.floor(min / step) * step, Math.ceil(max / step) * step];
    for (const [input, limit] of [[this.lowest, from], [this.highest, to]]) {
      // Without digits that only a float has: 0.30000000000000004.
      Object.assign(input, { min: tidy(from), max: tidy(to), step: tidy(step) });
      input.dataset.limit = tidy(limit);
      input.value = set[input.dataset.number] ?? tidy(limit);
    }
    this.draw(buckets, from, to);
    this.moved();
  }

  /** Bars as high as what they count, over the part of the slider that they stand for. */
  draw(buckets, from, to) {
    const most = Math.max(1, ...buckets.map(({ count }) => count));
    const share = (value) => (Math.min(to, Math.max(from, value)) - from) / (to - from);
    this.bars.replaceChildren(
      ...buckets.map(({ min, max, count }) => {
        const bar = element("span");
        bar.style.setProperty("--from", share(min));
        bar.style.setProperty("--to", share(max));
        bar.style.setProperty("--height", count / most);
        return bar;
      }),
    );
  }

  /** Say where the thumbs are. They do not pass each other. */
  moved() {
    const [lowest, highest] = [Number(this.lowest.value), Number(this.highest.value)];
    if (lowest > highest) {
      const pushed = document.activeElement === this.lowest ? this.highest : this.lowest;
      pushed.value = pushed === this.highest ? this.lowest.value : this.highest.value;
      return this.moved();
    }
    for (const input of [this.lowest, this.highest]) input.ariaValueText = `${input.value} ${this.unit}`.trim();
    this.says.value = `${this.lowest.value} to ${this.highest.value} ${this.unit}`.trim();
  }
}

/** The nearest of 1, 2 and 5 times a power of ten that is not above. */
function roundStep(size) {
  const power = 10 ** Math.floor(Math.log10(size));
  return [5, 2, 1].find((factor) => factor * power <= size * 1.0001) * power;
}

const tidy = (value) => String(Number(value.toPrecision(12)));
