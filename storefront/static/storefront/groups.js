// The matches of a scene: a group for each thing. They lie below each other on a wide screen and behind tabs on a phone.

import * as cards from "./cards.js";
import { element, part, refill } from "./dom.js";
import { WIDE } from "./screen.js";
import * as words from "./words.js";

let drawn = {}; // The answer whose groups are on the page, and how many.

/**
 * Show the groups of a scene. `onThing(number)` hears which thing is chosen, 0 for none; `onMore` that all things shall
 * show; `onOpen` and `onWhy(hit, region)` are the cards'.
 */
export function show({ answer, things, names, more, chosen }, handlers) {
  if (drawn.answer !== answer || drawn.count !== things.length) {
    const groups = things.map((thing, place) => group({ ...answer, ...thing }, names[place], place + 1, handlers));
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
    opener.ariaExpanded = String(isChosen);
  }
  for (const [place, made] of [...part("tabs").children].entries()) {
    const isSelected = place + 1 === (chosen || 1);
    made.ariaSelected = String(isSelected);
    made.tabIndex = isSelected ? 0 : -1;
  }
  adapt();
}

/** Bring the group of a thing into sight: to the top of a wide screen, below the photo on a phone. */
export function reveal(number) {
  if (WIDE.matches) part(`group-${number}`)?.scrollIntoView({ block: "start" });
  else part("tabs").scrollIntoView({ block: "center" });
}

function group(answer, name, number, { onThing, onOpen, onWhy }) {
  const title = element("h2", { id: `group-name-${number}` }, name);
  title.prepend(element("span", { className: "digit", ariaHidden: "true" }, String(number)));
  const opener = element("button", { type: "button", className: "plain opener", id: `opener-${number}` });
  opener.setAttribute("aria-describedby", title.id);
  opener.hidden = answer.results.length < 2;
  opener.addEventListener("click", () => onThing(opener.ariaExpanded === "true" ? 0 : number));
  const list = element("ul", { className: "grid" });
  cards.fill(list, answer, { onOpen, onWhy: onWhy && ((hit) => onWhy(hit, answer.box.join(","))), level: 3 });
  const head = element("div", { className: "group-head" }, title, lackOf(answer), opener);
  return element("section", { className: "group", id: `group-${number}` }, head, list);
}

/** Why a group is empty or short. */
function lackOf({ results, left_out: left }) {
  const text = results.length ? "" : left ? "Nothing is similar enough." : "Nothing in the shop compares with it.";
  return element("p", { className: "muted" }, text);
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

const STEPS = { ArrowLeft: -1, ArrowRight: 1 };

/** Arrow keys, Home and End go to another tab, as in every row of tabs. */
part("tabs").addEventListener("keydown", (event) => {
  const tabs = [...part("tabs").children];
  const { key } = event;
  const place = tabs.indexOf(event.target);
  const last = tabs.length - 1;
  const next = key === "Home" ? 0 : key === "End" ? last : key in STEPS ? (place + STEPS[key] + last + 1) % (last + 1) : -1;
  if (next < 0) return;
  event.preventDefault();
  tabs[next].focus();
  tabs[next].click();
});
WIDE.addEventListener("change", adapt);
