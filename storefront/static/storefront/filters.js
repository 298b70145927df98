// The filters: price, stock, what is measured and the catalogue's own attributes, with the number of products that each
// would leave.

import { element, part, refill } from "./dom.js";
import * as numbers from "./numbers.js";
import { NO_FILTERS } from "./query.js";
import { WIDE } from "./screen.js";
import * as words from "./words.js";

const VALUES = 6; // Values shown of an attribute; the rest waits behind "more".
const OPEN = 2; // Attributes whose values show from the start.

const opened = new Map(); // By attribute: whether the visitor opened or closed it.
const unfolded = new Set(); // Attributes whose values all show.

const form = part("filters-form");
const prices = { price_min: priceField("price_min"), price_max: priceField("price_max") };
const legend = element("legend", {}, "Price");
const price = element(
  "fieldset",
  { className: "price-range" },
  legend,
  element("label", {}, element("span", {}, "From"), prices.price_min),
  element("label", {}, element("span", {}, "To"), prices.price_max),
);
const choices = element("div", { id: "filters-choices" });
// These stay: a field that is replaced while somebody types in it loses what was typed.
form.append(price, ...numbers.parts, choices);

/**
 * Show what there is to filter by. While the `facets` are unknown they are null, and only filters that are set can be
 * taken off. `currencies` are those of the products shown. A bound means nothing in several currencies.
 */
export function show(facets, currencies, filters, onChange) {
  showPrice(facets?.price, currencies, filters);
  numbers.show(facets?.numbers ?? [], filters.numbers);
  refill(choices, stock(facets?.in_stock ?? [], filters), ...attributes(facets?.attributes ?? [], filters));
  form.onchange = ({ target }) => onChange(chosen(numbers.read(filters.numbers, target)));
  form.onsubmit = (event) => event.preventDefault(); // Enter in a price has made a change already.
  const set = count(filters);
  part("filters-set").textContent = set;
  part("filters-set").hidden = !set;
}

export function count({ price_min: lowest, price_max: highest, in_stock: stock, attributes, numbers: set }) {
  return Number(Boolean(lowest || highest)) + Number(Boolean(stock)) + attributes.length + Object.keys(set).length;
}

function chosen(set) {
  const data = new FormData(form);
  let [lowest, highest] = [data.get("price_min"), data.get("price_max")];
  if (lowest && highest && Number(lowest) > Number(highest)) [lowest, highest] = [highest, lowest];
  return {
    ...NO_FILTERS,
    price_min: lowest,
    price_max: highest,
    in_stock: data.get("in_stock") ?? "",
    attributes: data.getAll("attributes"),
    numbers: set,
  };
}

function priceField(name) {
  const input = element("input", { type: "number", name, id: `filter-${name}` });
  return Object.assign(input, { min: 0, step: "any", inputMode: "decimal" });
}

function showPrice(range, currencies, filters) {
  legend.textContent = currencies.length === 1 ? `Price (${currencies[0]})` : "Price";
  price.hidden = currencies.length > 1 && !filters.price_min && !filters.price_max;
  prices.price_min.placeholder = whole(range?.min);
  prices.price_max.placeholder = whole(range?.max);
  for (const [name, input] of Object.entries(prices)) {
    // A half-typed number must not be lost while the filters stay the same.
    if (input === document.activeElement && input.defaultValue === filters[name]) continue;
    input.defaultValue = input.value = filters[name];
  }
}

const whole = (bound) => bound?.replace(/\.00$/, "") ?? "";

function stock(counts, filters) {
  const there = counts.find(({ value }) => value === true)?.count;
  const checked = filters.in_stock === "true";
  return choice({ name: "in_stock", value: "true", text: "In stock only", count: there, checked });
}

/** Attributes in words come first. Sizes have many values, and each value leaves few products. */
function attributes(facets, filters) {
  const measured = ({ values }) => values.every(({ value }) => value !== "" && !Number.isNaN(Number(value)));
  const known = new Set(facets.map(({ name }) => name));
  const lost = filters.attributes.map((pair) => pair.split(":")[0]).filter((name) => !known.has(name));
  const all = [...facets, ...[...new Set(lost)].map((name) => ({ name, values: [] }))];
  return [...all.filter((facet) => !measured(facet)), ...all.filter(measured)].map((facet, place) =>
    attribute(facet, place < OPEN && !measured(facet), filters),
  );
}

function attribute({ name, values }, open, filters) {
  const prefix = `${name}:`;
  const pairs = filters.attributes.filter((pair) => pair.startsWith(prefix));
  const ticked = new Set(pairs.map((pair) => pair.slice(prefix.length)));
  const listed = values.map(({ value, count }) => ({ value: String(value), text: words.value(value), count }));
  const there = new Set(listed.map(({ value }) => value));
  for (const value of ticked) if (!there.has(value)) listed.unshift({ value, text: value, count: 0 });
  const box = ({ value, text, count }) =>
    choice({ name: "attributes", value: prefix + value, text, count, checked: ticked.has(value) });
  const boxes = listed.map(box);
  const group = element("details", { open: opened.get(name) ?? (open || ticked.size > 0) });
  const list = element("div", { className: "values" }, ...boxes, ...more(name, listed, boxes, ticked));
  group.append(element("summary", { id: `filter-${name}` }, words.attribute(name)), list);
  group.addEventListener("toggle", () => opened.set(name, group.open));
  return group;
}

function more(name, listed, boxes, ticked) {
  const rest = boxes.filter((_, place) => place >= VALUES && !ticked.has(listed[place].value));
  if (rest.length < 2 || unfolded.has(name)) return [];
  for (const one of rest) one.hidden = true;
  const button = element("button", { type: "button", className: "plain" }, `${rest.length} more`);
  button.setAttribute("aria-label", `${rest.length} more of ${words.attribute(name)}`);
  button.addEventListener("click", () => {
    unfolded.add(name);
    for (const one of rest) one.hidden = false;
    rest[0].querySelector("input").focus();
    button.remove();
  });
  return [button];
}

function choice({ name, value, text, count, checked }) {
  const input = element("input", { type: "checkbox", name, value, checked, id: `filter-${value}` });
  const label = element("label", { className: "choice" }, input, element("span", {}, text));
  if (count !== undefined) label.append(element("span", { className: "count" }, String(count)));
  return label;
}

/** Open the filters beside the results, or fold them above the results on a phone. */
function fold() {
  part("filters").open = WIDE.matches;
}

WIDE.addEventListener("change", fold);
fold();
