// A basket: one product for each thing of a scene, chosen by the shop within the visitor's budget.

import { element, part, say } from "./dom.js";
import { Failure } from "./failures.js";
import { api } from "./shop.js";
import * as words from "./words.js";

const ALL_OUT = "Take at least one thing in.";
const LIST = new Intl.ListFormat("en", { type: "conjunction" });

let call = null; // The AbortController of the question under way.
let scene = null; // The scene that shows, its photo, the currency of its products, and what to do if it is too old.

/**
 * Show the budget field above the groups of a scene of this photo, and the basket that was chosen before, if any. It is
 * kept with the answer: `budget`, what it goes `without`, and what came of it: `baskets`, the `place` of the one that
 * shows, `missing`, or the `failure`. Things go by their index in the answer, as in the API. `onStale` hears that the
 * shop does not know the search any more.
 */
export function show(photo, shown, onStale) {
  const former = scene;
  scene = { ...shown, photo, onStale, currency: currencyOf(shown.things) };
  part("budget-form").hidden = !scene.currency;
  part("budget-currency").textContent = scene.currency;
  const { basket } = scene.answer;
  if (former?.answer !== scene.answer) {
    call?.abort();
    const wish = former?.photo === photo ? former.answer.basket?.budget : "";
    part("budget").value = basket?.budget ?? wish ?? "";
    if (!basket && wish) return choose(wish, []);
  } else if (basket && former.things.length < scene.things.length) return choose(basket.budget, basket.without);
  draw();
}

/** Leave the scene. An answer that is on its way is for nobody. */
export function hide() {
  call?.abort();
  scene = null;
}

part("budget-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const budget = part("budget").value;
  if (budget) choose(budget, scene.answer.basket?.without ?? []);
  else clear();
});
part("basket-next").addEventListener("click", () => {
  const { basket } = scene.answer;
  basket.place = (basket.place + 1) % basket.baskets.length;
  draw();
  tell();
});
part("basket-clear").addEventListener("click", () => {
  clear();
  part("budget").focus();
});

/** Have the shop choose within `budget`, `without` some of the things. */
async function choose(budget, without) {
  const { answer, onStale } = scene;
  call?.abort();
  call = new AbortController();
  const { signal } = call;
  answer.basket = { baskets: [], missing: null, ...answer.basket, budget, without, failure: "", place: 0 };
  draw();
  try {
    const found = await ask(without, signal);
    if (signal.aborted) return;
    Object.assign(answer.basket, found);
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof Failure)) throw error;
    if (error.code === "unknown_query") return onStale();
    Object.assign(answer.basket, { baskets: [], missing: null, failure: error.message });
  }
  draw();
  tell();

  /** The baskets of what can be bought. Things that nothing can be bought for are left out of it. */
  async function ask(others) {
    const wanted = scene.things.map(({ index }) => index).filter((index) => !others.includes(index));
    if (!wanted.length) return { baskets: [], missing: null, failure: ALL_OUT };
    const { baskets, missing } = await api.baskets(answer.query_id, wanted, budget, scene.currency, signal);
    if (!missing?.things.length || missing.things.length === wanted.length) return { baskets, missing };
    const rest = await ask([...others, ...missing.things]);
    return { ...rest, unsold: missing.things };
  }
}

function clear() {
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
  const chosen = basket.baskets[basket.place] ?? basket.missing?.cheapest;
  for (const one of chosen?.products ?? []) mark(one);
  part("basket-next").hidden = basket.baskets.length < 2;
  part("basket-text").textContent = textOf(basket);
}

function tell() {
  say("spoken", part("basket-text").textContent);
}

function textOf({ budget, baskets, missing, failure, place, unsold = [] }) {
  if (failure) return failure;
  const lack = unsold.length ? `Nothing can be bought for ${listed(unsold)}. ` : "";
  if (baskets.length) {
    const { total, products } = baskets[place];
    const which = baskets.length > 1 ? `Choice ${place + 1} of ${baskets.length}: ` : "";
    const things = listed(products.map(({ thing }) => thing));
    const left = money(Number(budget) - Number(total));
    return `${lack}${which}${things} for ${money(total)}. ${left} of your budget is left.`;
  }
  if (!missing) return "Choosing…";
  if (!missing.cheapest) return `Nothing can be bought for ${listed(missing.things)}.`;
  const tooMuch = Number(missing.above) ? `, ${money(missing.above)} above your budget` : "";
  return `${lack}The cheapest choice costs ${money(missing.cheapest.total)}${tooMuch}.`;
}

const money = (price) => words.price({ price, currency: scene.currency });

/** The number, on the page, of the group of a thing. */
const numberOf = (thing) => 1 + scene.things.findIndex(({ index }) => index === thing);

/** The names of things: "lamp and bed". */
const listed = (things) => LIST.format(things.map((thing) => scene.names[numberOf(thing) - 1].toLowerCase()));

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
  const box = element("input", { type: "checkbox", id, checked: !basket.without.includes(thing) });
  box.setAttribute("aria-label", `In the choice: ${scene.names[numberOf(thing) - 1]}`);
  box.addEventListener("change", () => {
    const others = basket.without.filter((other) => other !== thing);
    choose(basket.budget, box.checked ? others : [...others, thing]);
  });
  head.append(element("label", { className: "wanted" }, box, "In the choice"));
  if (hadFocus) box.focus({ preventScroll: true });
}
