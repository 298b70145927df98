// A basket: one product for each thing of a scene, chosen by the shop within the visitor's budget.

import * as api from "./api.js";
import { element, part, say } from "./dom.js";
import * as words from "./words.js";

let call = null; // The AbortController of the question under way.
let scene = null; // The scene that shows, and the currency of its products.

/**
 * Show the budget field above the groups of a scene, and the basket that was chosen before, if any. It is kept with the
 * answer: `budget`, `baskets`, `missing`, the `place` of the one that shows, and the things that it goes `without`, which
 * the API knows by their index.
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
  say("spoken", part("basket-text").textContent);
});
part("basket-clear").addEventListener("click", () => {
  leave();
  part("budget").focus();
});

/** Have the shop choose within `budget`, `without` some of the things. */
async function choose({ budget, without }) {
  const { answer, things, currency } = scene;
  call?.abort();
  call = new AbortController();
  const { signal } = call;
  const wanted = things.map(({ index }) => index).filter((index) => !without.includes(index));
  try {
    const found = wanted.length ? await api.baskets(answer.query_id, wanted, budget, currency, signal) : NOTHING;
    if (signal.aborted) return;
    answer.basket = { ...found, budget, without, place: 0 };
    draw();
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof api.Failure)) throw error;
    draw();
    part("basket").hidden = false;
    part("basket-next").hidden = true;
    part("basket-text").textContent = error.message;
  }
  say("spoken", part("basket-text").textContent);
}

const NOTHING = { baskets: [], missing: { things: [], above: "0", cheapest: null } };

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
  const { things, answer } = scene;
  const { basket } = answer;
  for (const card of part("groups").querySelectorAll(".card.chosen")) unmark(card);
  for (const { index } of things) showSwitch(index, basket);
  part("basket").hidden = !basket;
  if (!basket) return;
  const { baskets, missing, place } = basket;
  const chosen = baskets[place] ?? missing.cheapest;
  for (const one of chosen?.products ?? []) mark(one);
  part("basket-next").hidden = baskets.length < 2;
  part("basket-text").textContent = baskets.length ? sumOf(basket) : lackOf(missing);
}

/** The number, on the page, of the group of a thing. */
const numberOf = (thing) => 1 + scene.things.findIndex(({ index }) => index === thing);

/** The names of things as the middle of a sentence: "a lamp and a bed". */
const listed = (things) => LIST.format(things.map((thing) => scene.names[numberOf(thing) - 1].toLowerCase()));

const LIST = new Intl.ListFormat("en", { type: "conjunction" });

function sumOf({ budget, baskets, place }) {
  const { total, products } = baskets[place];
  const { currency } = products[0].product;
  const left = words.price({ price: Number(budget) - Number(total), currency });
  const which = baskets.length > 1 ? `Choice ${place + 1} of ${baskets.length}: ` : "";
  const things = listed(products.map(({ thing }) => thing));
  return `${which}${things} for ${words.price({ price: total, currency })}. ${left} of your budget is left.`;
}

function lackOf({ things, above, cheapest }) {
  const sentences = things.length ? [`In ${scene.currency}, nothing can be bought for ${listed(things)}.`] : [];
  if (!cheapest) return sentences[0] ?? "Take at least one thing in.";
  const { currency } = cheapest.products[0].product;
  const total = words.price({ price: cheapest.total, currency });
  const others = things.length ? " of the others" : "";
  const tooMuch = Number(above) ? `, ${words.price({ price: above, currency })} above your budget` : "";
  return [...sentences, `The cheapest choice${others} costs ${total}${tooMuch}.`].join(" ");
}

/** Mark the product chosen for a thing, and bring it into the sight of its row. */
function mark({ thing, product }) {
  const card = part(`group-${numberOf(thing)}`)?.querySelector(`[data-sku="${CSS.escape(product.sku)}"]`);
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
  const head = part(`group-${numberOf(thing)}`).querySelector(".group-head");
  const id = `wanted-${thing}`;
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
