// Chips say where to look (the gate's categories with their probabilities, or those found with their counts), and which
// filters are set.

import { element, part, refill } from "./dom.js";
import * as words from "./words.js";

const CHIPS = 6; // The rest is seldom likely and waits behind "more".

/**
 * Show each category with its probability, pressed if it was searched. `onChoose` gets a slug, "all" or "". The visitor's
 * words may have named the categories, and no chip takes that back.
 */
export function showGate(gate, isNamed, onChoose) {
  const all = gate.categories.every((category) => category.searched);
  // Categories that the gate has not learned are searched for every photo, which says nothing about this one.
  const besides = ({ probability }) => probability === null && !all && gate.mode !== "override";
  const unlikely = ({ searched }, place) => place >= CHIPS && (all || !searched);
  const mayHide = (category, place) => besides(category) || unlikely(category, place);
  const chips = gate.categories.map(({ slug, name, probability, searched }) => {
    const share = probability === null ? "" : words.percent(probability);
    const made = chip(name, share, searched && !all, () => onChoose(slug));
    if (probability !== null) made.style.setProperty("--share", probability);
    return made;
  });
  show([
    chip("All", "", all, () => onChoose("all")),
    ...shortened(chips, (place) => mayHide(gate.categories[place], place)),
    ...(gate.mode === "override" && !isNamed ? [chip("Automatic", "", false, () => onChoose(""))] : []),
  ]);
  explain(why(gate, isNamed), gate.mode === "unknown" || gate.low_confidence);
}

/** Show categories, with their counts if they have any. `chosen` is pressed; "All" chooses `everywhere`. */
export function showCategories(categories, chosen, everywhere, onChoose) {
  const chips = categories.map(({ slug, name, count }) =>
    chip(name, count === undefined ? "" : words.number(count), slug === chosen, () => onChoose(slug)),
  );
  const all = chip("All", "", chosen === everywhere, () => onChoose(everywhere));
  show([all, ...shortened(chips, (place) => place >= CHIPS && categories[place].slug !== chosen)]);
  explain("");
}

/** Show what narrows the answer: each filter is a button that takes it off. `currency` is the prices', if known. */
export function showSet(filters, currency, onChange) {
  const removals = [];
  const { price_min: lowest, price_max: highest, in_stock: stock, attributes } = filters;
  if (lowest || highest) removals.push([words.range(lowest, highest, currency), { price_min: "", price_max: "" }]);
  if (stock) removals.push([stock === "true" ? "In stock" : "Sold out", { in_stock: "" }]);
  for (const pair of attributes) {
    const [name, ...rest] = pair.split(":");
    const left = attributes.filter((other) => other !== pair);
    removals.push([`${words.attribute(name)}: ${rest.join(":")}`, { attributes: left }]);
  }
  for (const name of new Set(Object.keys(filters.numbers).map((bound) => bound.replace(/_(min|max)$/, "")))) {
    const { [`${name}_min`]: from, [`${name}_max`]: to, ...others } = filters.numbers;
    removals.push([words.range(from, to, "", words.attribute(name)), { numbers: others }]);
  }
  const buttons = removals.map(([text, change]) => {
    const button = element("button", { type: "button", className: "chip taken" }, text);
    button.append(element("span", { ariaHidden: "true" }, "✕"));
    button.setAttribute("aria-label", `Without ${text}`);
    button.addEventListener("click", () => onChange({ ...filters, ...change }));
    return element("li", {}, button);
  });
  part("set").replaceChildren(...buttons);
  part("set").hidden = !buttons.length;
}

function show(chips) {
  chips.forEach((made, place) => (made.id = `chip-${place}`));
  refill(part("chips"), ...chips);
}

function explain(text, doubtful = false) {
  part("why").textContent = text;
  part("why").classList.toggle("doubt", doubtful);
}

const STRANGE = "This does not look much like what the shop sells.";

function why({ mode, confidence, low_confidence, categories }, isNamed) {
  if (mode === "unknown") return "This looks like nothing the shop sells, so all categories were searched.";
  if (isNamed) return "Your words say where to look.";
  if (mode === "override") return `You chose where to look.${low_confidence ? ` ${STRANGE}` : ""}`;
  if (categories.length < 2) return "";
  if (mode === "open") return "The shop has not learned to tell its categories apart yet, so all were searched.";
  const sure = `Most likely ${categories[0].name}, ${words.percent(confidence)} sure.`;
  const likeliest = low_confidence ? `${STRANGE} ${sure}` : sure;
  const searched = categories.filter((category) => category.searched);
  const learned = searched.filter(({ probability }) => probability !== null);
  const unsure = learned.length > 1 ? " Not sure enough to look only there." : "";
  const unlearned = words.count(searched.length - learned.length, "category", "categories");
  const others = searched.length > learned.length ? ` Also searched: ${unlearned} not learned yet.` : "";
  return likeliest + unsure + others;
}

function chip(text, detail, pressed, onClick) {
  const button = element("button", { type: "button", className: "chip", ariaPressed: String(pressed) }, text);
  if (detail) button.append(element("span", { className: "share" }, detail));
  button.addEventListener("click", onClick);
  return button;
}

/** The chips. Those that may hide wait behind one that shows them. */
function shortened(chips, mayHide) {
  const rest = chips.filter((_, place) => mayHide(place));
  if (rest.length < 2) return chips; // The button would take the room of one chip.
  for (const one of rest) one.hidden = true;
  const button = element("button", { type: "button", className: "chip more" }, `${rest.length} more`);
  button.addEventListener("click", () => {
    for (const one of rest) one.hidden = false;
    rest[0].focus();
    button.remove();
  });
  return [...chips, button];
}
