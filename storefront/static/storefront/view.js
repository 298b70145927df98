// What the page shows around the results: which view, their head and their foot, failures, notices.

import * as cards from "./cards.js";
import { element, part, say } from "./dom.js";
import * as groups from "./groups.js";
import { address, takesWords, words as wordsQuery } from "./query.js";
import * as words from "./words.js";

const VIEWS = { start: "start", product: "product" };
const ALONE = "Search words or a photo";
const BESIDE = "Like this, but… in oak, under 300";

/** Turn to the view that a query belongs to. Where there is a photo, words are for it. */
export function enter(query, isPictured) {
  const { kind, of, words: beside } = query;
  const isBeside = takesWords(query) && isPictured;
  document.body.dataset.view = VIEWS[kind] ?? "search";
  document.body.dataset.kind = kind;
  part("words").value = kind === "words" ? of : (beside ?? "");
  part("words").placeholder = isBeside ? BESIDE : ALONE;
  part("words-label").textContent = isBeside ? "What shall differ from the photo" : "Search in words";
  part("failure").hidden = true;
}

export function setTitle(title) {
  document.title = title ? `${title} · Lamplight` : "Lamplight: search with a photo";
}

/** Show that an answer is on its way: what is there fades, or (`anew`) blank cards hold the places. */
export function showBusy(text, anew) {
  settle("busy", text);
  if (!anew) return;
  part("chips").replaceChildren(); // Their room is kept.
  part("why").textContent = "";
  part("where").hidden = false;
  part("filters").hidden = false;
  groups.clear();
  cards.blanks(part("grid"));
}

/** Show how much of the photo is sent; from then on the shop looks for matches. */
export function showSent(share) {
  const progress = part("progress");
  progress.hidden = false;
  if (share < 1) progress.value = share;
  else progress.removeAttribute("value");
  part("time").textContent = share < 1 ? `Sending your photo, ${words.percent(share)}` : "";
}

/** Show the head and the foot of an answer. `title` says what was found. */
export function showResults(title, { timings_ms: timings, next }) {
  settle("done", title);
  if (timings) showTime(...words.timings(timings));
  part("further").hidden = !next;
  part("where").hidden = false;
}

function showTime(total, stages) {
  part("time").replaceChildren(total, element("span", { className: "stages" }, stages));
}

const WAYS = ["clear", "anyway", "retry", "without", "rechoose"];

/** Say why there are no products, and show the ways out that there are. */
export function showNothing(text, ...ways) {
  part("nothing-text").textContent = text;
  for (const way of WAYS) part(way).hidden = !ways.includes(way);
  part("nothing").hidden = false;
}

/** Offer words that find something, where those that were typed do not. */
export function showMeant(meant, category) {
  if (!meant) return;
  part("meant-words").textContent = meant;
  part("meant-words").href = address(wordsQuery(meant, category));
  part("meant").hidden = false;
}

/** Show a search that has no answer, and why. */
export function showUnanswered(title, text, ...ways) {
  settle("done", title);
  say("spoken", `${title}. ${text}`);
  groups.clear();
  part("grid").replaceChildren();
  part("where").hidden = true;
  showNothing(text, ...ways);
}

/** Say why there is no answer, above whatever is shown; the visitor may have scrolled below that. */
export function showFailure(failure) {
  part("failure-text").textContent = failure.message;
  part("again").hidden = !failure.again;
  part("failure").hidden = false;
  keepFocus(part(failure.again ? "again" : "dismiss"));
}

export function dismissFailure() {
  part("failure").hidden = true;
}

export function settle(state, title) {
  document.body.dataset.state = state;
  part("results").setAttribute("aria-busy", String(state === "busy"));
  part("results-title").textContent = title;
  say("spoken", title);
  part("time").textContent = "";
  for (const id of ["nothing", "meant", "failure", "further", "near", "progress"]) part(id).hidden = true;
}

/** Put the focus on the title of what is shown, since what had it is gone. */
export function focusTitle() {
  heading().focus({ preventScroll: true });
}

/** Put the focus on `place`, or on the title, but only if what had the focus is gone. */
export function keepFocus(place = heading()) {
  const { activeElement } = document;
  if (activeElement === document.body || !activeElement.checkVisibility()) place.focus({ preventScroll: true });
}

const heading = () => document.querySelector(`#${document.body.dataset.view} h1`);

/** The categories to look around in. Returns how many there are. */
export function showRooms(categories) {
  const rooms = categories.filter((category) => category.product_count);
  const room = ({ slug, name, product_count: count }) => {
    const link = element("a", { className: "chip", href: address(wordsQuery("", slug)) }, name);
    link.append(element("span", { className: "share" }, words.number(count)));
    return element("li", {}, link);
  };
  part("rooms").replaceChildren(...rooms.map(room));
  part("rooms").parentElement.hidden = !rooms.length;
  return rooms.length;
}

/** Show how many photos can be found, and what keeps matches from being good. Returns whether all is indexed. */
export function showIndex({ space, weights, categories, head }) {
  const total = (key) => categories.reduce((sum, category) => sum + category[key], 0);
  const [photos, indexed, pending] = [total("photos"), total("indexed"), total("pending")];
  const found = `${words.count(indexed, "photo")} in ${words.count(categories.length, "category", "categories")}`;
  const running = `Indexing is running: ${indexed} of ${words.count(photos, "photo")} so far`;
  part("coverage").textContent = pending ? running : indexed ? found : "";
  part("coverage").classList.toggle("running", pending > 0);
  part("model").textContent = head
    ? `Model ${space}. It names the right category for ${words.percent(head.accuracy)} of the shop’s own photos that it had not seen.`
    : `Model ${space}.`;
  const notices = [];
  if (!photos) notices.push(EMPTY);
  else if (!indexed) notices.push(pending ? WAITING : REJECTED);
  if (weights === "random") notices.push(UNTRAINED);
  showNotices(notices);
  document.querySelector(".samples")?.toggleAttribute("hidden", !indexed);
  return indexed > 0 && !pending;
}

const EMPTY = ["The catalogue is empty.", "Add products in the administration, or import a catalogue."];
const WAITING = ["Nothing is indexed yet.", "The first photos can be found in a moment."];
const REJECTED = ["No photo could be indexed.", "The administration names the reason for each."];
const UNTRAINED = ["The model is untrained, so matches are rough.", "Whoever runs the shop can activate a trained one."];

/** Each notice is a headline and a sentence. Unchanged ones are left alone, or they would be read out again. */
export function showNotices(notices) {
  const shown = part("notices");
  if (shown.dataset.text === JSON.stringify(notices)) return;
  shown.dataset.text = JSON.stringify(notices);
  shown.replaceChildren(
    ...notices.map(([headline, sentence]) =>
      element("p", { className: "notice" }, element("strong", {}, headline), ` ${sentence}`),
    ),
  );
}
