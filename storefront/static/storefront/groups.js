// The matches of a scene: a group for each thing, below each other on a wide screen and behind tabs on a phone.

import * as cards from "./cards.js";
import { element, part, refill } from "./dom.js";
import { WIDE } from "./screen.js";
import * as words from "./words.js";

let drawn = {}; // The answer whose groups are on the page, and how many.

/**
 * Show the groups of a scene; `unmet` says what keeps products out. `onThing(number)` hears which is chosen, 0 for
 * none, `onMore` that all shall show, `onOpen(hit, position, group)` and `onWhy(hit, region)` what the visitor does with
 * a product.
 */
export function show({ answer, things, names, more, chosen }, unmet, handlers) {
  if (drawn.answer !== answer || drawn.count !== things.length) {
    const groups = things.map((thing, place) => {
      const shown = { ...answer, ...thing, lack: lackOf(thing, unmet) };
      return group(shown, names[place], place + 1, handlers);
    });
    part("groups").replaceChildren(...groups);
    refill(part("tabs"), ...names.map((name, place) => tab(name, place + 1, handlers.onThing)));
    drawn = { answer, count: things.length };
  }
  choose(chosen);
  part("scene").hidden = false;
  part("others").hidden = !more;
  part("others").textContent = `${words.count(more, "more place", "more places")} that may show something`;
  part("others").onclick = handlers.onMore;
}

export function clear() {
  drawn = {};
  part("groups").replaceChildren();
  part("tabs").replaceChildren();
  part("scene").hidden = true;
}

/** Show all matches of one thing, and a row of those of the others. */
function choose(chosen) {
  for (const [place, section] of [...part("groups").children].entries()) {
    const isChosen = place + 1 === chosen;
    section.dataset.chosen = isChosen;
    section.querySelector(".grid").classList.toggle("strip", !isChosen);
    const opener = section.querySelector(".opener");
    opener.textContent = isChosen ? "Show less" : "Show all";
  }
  for (const [place, made] of [...part("tabs").children].entries()) {
    const isSelected = place + 1 === (chosen || 1);
    made.ariaSelected = String(isSelected);
    made.tabIndex = isSelected ? 0 : -1;
  }
  adapt();
}

/** Bring the group of a thing into sight. On a phone, where one shows at a time, it may be there already. */
export function reveal(number) {
  const { top } = part("groups").getBoundingClientRect();
  const isThere = !WIDE.matches && top > 0 && top < innerHeight / 2;
  if (!isThere) part(`group-${number}`)?.scrollIntoView({ block: "start" });
}

function group(answer, name, number, { onThing, onOpen, onWhy }) {
  const title = element("h2", { id: `group-name-${number}` }, name);
  title.prepend(element("span", { className: "digit", ariaHidden: "true" }, String(number)));
  const opener = element("button", { type: "button", className: "plain opener", id: `opener-${number}` });
  opener.setAttribute("aria-describedby", title.id);
  opener.hidden = answer.results.length < 2;
  const lack = element("p", { className: "muted" }, answer.lack);
  const head = element("div", { className: "group-head" }, title, lack, opener);
  const list = element("ul", { className: "grid" });
  const made = element("section", { className: "group", id: `group-${number}` }, head, list);
  opener.addEventListener("click", () => onThing(made.dataset.chosen === "true" ? 0 : number));
  cards.fill(list, answer, {
    level: 3,
    onOpen: (hit, position) => onOpen(hit, position, made.id),
    onWhy: (hit) => onWhy(hit, answer.box.join(",")),
  });
  return made;
}

/** Why a group is empty. */
function lackOf({ results, left_out: left }, unmet) {
  if (results.length) return "";
  if (left) return "Nothing is similar enough.";
  return unmet || "Nothing in the shop compares with it.";
}

function tab(name, number, onThing) {
  const made = element("button", { type: "button", className: "chip", id: `tab-${number}`, role: "tab" }, name);
  made.setAttribute("aria-controls", `group-${number}`);
  made.addEventListener("click", () => onThing(number));
  return made;
}

/** Make the groups regions of the page, or the panels of the tabs, of which one shows. */
function adapt() {
  const tabs = [...part("tabs").children];
  for (const [place, section] of [...part("groups").children].entries()) {
    const selected = tabs[place].ariaSelected === "true";
    section.role = WIDE.matches ? "region" : "tabpanel";
    section.setAttribute("aria-labelledby", WIDE.matches ? `group-name-${place + 1}` : `tab-${place + 1}`);
    section.hidden = !WIDE.matches && !selected;
  }
  const current = tabs.find(({ ariaSelected }) => ariaSelected === "true");
  if (!WIDE.matches) current?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

/** Arrow keys, Home and End go to another tab, as in every row of tabs. */
part("tabs").addEventListener("keydown", (event) => {
  const { key, altKey, ctrlKey, metaKey, target } = event;
  if (altKey || ctrlKey || metaKey) return; // These keys are the browser's.
  const tabs = [...part("tabs").children];
  const place = tabs.indexOf(target);
  const next = { Home: 0, End: -1, ArrowLeft: place - 1, ArrowRight: (place + 1) % tabs.length }[key];
  if (next === undefined) return;
  event.preventDefault();
  tabs.at(next).focus();
  tabs.at(next).click();
});
WIDE.addEventListener("change", adapt);
