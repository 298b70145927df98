// A basket: one product for each thing of a scene, chosen by the shop within the visitor's budget.

import * as api from "./api.js";
import { element, part, say } from "./dom.js";
import * as words from "./words.js";

let call = null; // The AbortController of the question under way.
let scene = null; // The scene that shows, and the currency of its products.

/**
 * Show the budget field above the groups of a scene, and the basket that was chosen before, if any. It is kept with the
 * answer: `budget`, `baskets`, `missing`, the `place` of the one that shows, and what it goes `without`. Things are
 * counted from 0, as the API counts them.
 */
export function show(shown) {
  call?.abort();
  scene = { ...shown, currency: currencyOf(shown.things) };
  part("budget-form").hidden = !scene.currency;
  part("budget-currency").textContent = scene.currency;
  part("budget").value = scene.answer.basket?.budget ?? "";
  draw();
}

part("budget-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const budget = part("budget").value;
  if (budget) choose({ without: [], ...scene.answer.basket, budget });
  else leave();
});
part("basket-next").addEventListener("click", () => {
  const { basket } = scene.answer;
  basket.place = (basket.place + 1) % basket.baskets.length;
  draw();
});
part("basket-clear").addEventListener("click", () => {
  leave();
  part("budget").focus();
});

/** Have the shop choose within `budget`, without the things of these numbers. */
async function choose({ budget, without }) {
  const { answer, things, currency } = scene;
  call?.abort();
  call = new AbortController();
  const { signal } = call;
  const wanted = [...things.keys()].filter((thing) => !without.includes(thing));
  try {
    const { baskets, missing } = await api.baskets(answer.query_id, wanted, budget, currency, signal);
    if (signal.aborted) return;
    answer.basket = { budget, without, baskets, missing, place: 0 };
    draw();
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof api.Failure)) throw error;
    draw();
    tell(error.message);
  }
}

function leave() {
  call?.abort();
  scene.answer.basket = null;
  part("budget").value = "";
  draw();
}

/** The currency of most products that show; empty if none has a price. */
function currencyOf(things) {
  const counts = new Map();
  for (const { results } of things) {
    for (const { product } of results) {
      if (product.price !== null) counts.set(product.currency, (counts.get(product.currency) ?? 0) + 1);
    }
  }
  return [...counts].sort(([, one], [, other]) => other - one)[0]?.[0] ?? "";
}

function draw() {
  const { names, answer } = scene;
  const { basket } = answer;
  for (const card of part("groups").querySelectorAll(".card.chosen")) unmark(card);
  for (const place of names.keys()) showSwitch(place, basket);
  part("basket").hidden = !basket;
  if (!basket) return;
  const { baskets, missing, place } = basket;
  const chosen = baskets[place] ?? missing.cheapest;
  for (const one of chosen?.products ?? []) mark(one);
  part("basket-next").hidden = baskets.length < 2;
  tell(baskets.length ? sumOf(basket, names) : lackOf(missing, names));
}

function tell(text) {
  part("basket").hidden = false;
  part("basket-text").textContent = text;
  say("spoken", text);
}

function sumOf({ budget, baskets, place }, names) {
  const { total, products } = baskets[place];
  const { currency } = products[0].product;
  const left = words.price({ price: Number(budget) - Number(total), currency });
  const which = place ? `Choice ${place + 1} of ${baskets.length}: ` : "";
  const things = products.map(({ thing }) => names[thing].toLowerCase());
  return `${which}${listed(things)} for ${words.price({ price: total, currency })}. ${left} of your budget is left.`;
}

function lackOf({ things, above, cheapest }, names) {
  const sentences = [];
  if (things.length) sentences.push(`Nothing can be bought for ${listed(things.map((thing) => names[thing].toLowerCase()))}.`);
  if (cheapest) {
    const { currency } = cheapest.products[0].product;
    const total = words.price({ price: cheapest.total, currency });
    if (Number(above)) {
      sentences.push(`The cheapest choice costs ${total}, ${words.price({ price: above, currency })} above your budget.`);
    } else sentences.push(`The cheapest choice of the others costs ${total}.`);
  }
  return sentences.join(" ");
}

const LIST = new Intl.ListFormat("en", { type: "conjunction" });

const listed = (things) => {
  const text = LIST.format(things);
  return text.charAt(0).toUpperCase() + text.slice(1);
};

/** Mark the chosen product of a thing, and bring it into the sight of its row. */
function mark({ thing, product }) {
  const card = part(`group-${thing + 1}`)?.querySelector(`[data-sku="${CSS.escape(product.sku)}"]`);
  if (!card) return;
  card.classList.add("chosen");
  card.querySelector(".tile").append(element("span", { className: "badge in-basket" }, "Chosen"));
  const row = card.parentElement;
  row.scrollTo({ left: card.offsetLeft - row.offsetLeft - (row.clientWidth - card.clientWidth) / 2 });
}

function unmark(card) {
  card.classList.remove("chosen");
  card.querySelector(".in-basket").remove();
}

/** Show the switch that leaves a thing out of the basket, in the head of its group while there is a basket. */
function showSwitch(thing, basket) {
  const head = part(`group-${thing + 1}`)?.querySelector(".group-head");
  if (!head) return;
  const id = `wanted-${thing + 1}`;
  const hadFocus = document.activeElement?.id === id;
  head.querySelector(".wanted")?.remove();
  if (!basket) return;
  const { budget, without } = basket;
  const box = element("input", { type: "checkbox", id, checked: !without.includes(thing) });
  box.addEventListener("change", () => {
    const others = without.filter((other) => other !== thing);
    choose({ budget, without: box.checked ? others : [...others, thing] });
  });
  head.append(element("label", { className: "wanted" }, box, "In the choice"));
  if (hadFocus) box.focus({ preventScroll: true });
}
