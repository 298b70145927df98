// What the shop took the words beside a photo for: conditions as chips that can be taken off, and sentences on the rest.

import { element, part, refill, say } from "./dom.js";
import { address, words as wordsQuery } from "./query.js";
import * as words from "./words.js";
import { left, ranking } from "./words_left.js";

const VALUES = 3; // Values named of a condition; it may stand for dozens.
const LOOKS = new Set(["colour", "material"]); // What was understood so is told with the values that it stands for.

/** Keep room for what will be said of the words, or none. */
export function hold(query) {
  part("understood").hidden = !query.words;
  if (!query.words) clear();
}

/** Show what an answer took the words of its query for. `onWords` hears what is left of them when a chip is taken off. */
export function show(query, taken, onWords) {
  if (!taken) return hold({});
  const without = (spans) => () => onWords(left(query.words, taken, spans));
  const chips = taken.understood.map((one) => chip(one.text, detail(one), one.loosened, without(one.spans)));
  const rest = taken.ranked_by;
  if (rest) chips.push(chip(rest, "counts beside the photo", false, without(ranking(query.words, rest))));
  chips.forEach((made, place) => (made.firstElementChild.id = `understood-${place}`));
  refill(part("understood-chips"), ...chips);
  say("understood-says", says(taken));
  part("understood-alone").replaceChildren(alone(query));
  part("understood").hidden = false;
}

/** Whether the words name a category, so that only there was looked. */
export function namesCategory(taken) {
  return Boolean(taken?.understood.some(({ kind, negated }) => kind === "category" && !negated));
}

function clear() {
  part("understood-chips").replaceChildren();
  say("understood-says", "");
  part("understood-alone").replaceChildren();
}

function chip(text, beside, isLoosened, onTaken) {
  const button = element("button", { type: "button", className: isLoosened ? "chip taken loosened" : "chip taken" });
  button.append(element("span", { className: "term" }, text));
  if (beside) button.append(element("span", { className: "share" }, beside));
  button.append(element("span", { ariaHidden: "true" }, "✕"));
  button.setAttribute("aria-label", `Take off “${text}”${beside ? `, ${beside}` : ""}`);
  button.addEventListener("click", onTaken);
  return element("li", {}, button);
}

/** What a condition stands for, where its text does not say it. */
function detail({ how, values, loosened }) {
  if (loosened) return "nothing found, shown without";
  if (!LOOKS.has(how)) return "";
  const more = values.length > VALUES ? "…" : "";
  return values.slice(0, VALUES).join(values.some((value) => value.includes(",")) ? " · " : ", ") + more;
}

function says({ understood, not_understood: unread, matches }) {
  const loosened = understood.filter((one) => one.loosened).map(({ text }) => quoted(text));
  const told = [];
  if (understood.length) told.push(`${words.count(matches, "product fits", "products fit")}.`);
  if (loosened.length) told.push(`Nothing fits ${loosened.join(", ")} as well, so it is shown without.`);
  if (unread.length) told.push(`Not understood: ${unread.map(quoted).join(", ")}.`);
  return told.join(" ");
}

const quoted = (text) => `“${text}”`;

/** A link to the search for the same words without the photo. */
function alone(query) {
  return element("a", { href: address(wordsQuery(query.words)) }, "Search these words alone");
}
