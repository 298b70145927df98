// What the page shows. Everything that comes from the API is set as text or as an attribute, never as HTML.

import * as words from "./words.js";

const CHIPS = 5; // The rest, seldom likely, waits behind "more".
const BLANKS = 8;
const ALSO = 3; // Products named under a picture that they share; the rest is counted.
const part = (id) => document.getElementById(id);

let photoUrl = null;

/** Show the photo that is searched with. */
export function showPhoto(photo) {
  if (photoUrl) URL.revokeObjectURL(photoUrl);
  photoUrl = URL.createObjectURL(photo);
  const picture = part("query-photo");
  picture.hidden = false;
  part("query-unseen").hidden = true;
  picture.onerror = () => {
    picture.hidden = true;
    part("query-unseen").hidden = false;
  };
  picture.src = photoUrl;
  part("query").hidden = false;
  part("choose").textContent = "Another photo";
}

/** Show that an answer is on its way: what is there fades; the first time, blank cards hold the places. */
export function showBusy(text) {
  settle("busy", text);
  if (!part("grid").childElementCount) part("grid").replaceChildren(...Array.from({ length: BLANKS }, blank));
}

/** Show one step of the visitor's way: the matches of their photo, or the products like one of these. */
export function showStep({ answer, like }, canGoBack, onSimilar) {
  const [one, many] = like ? ["product", "products"] : ["match", "matches"];
  const found = answer.results.length;
  const strange = answer.gate?.mode === "unknown"; // The nearest are no matches then.
  const some = strange ? `The ${found} nearest` : words.count(found, one, many);
  const count = found ? some : `No ${one}`;
  settle("done", like ? `${count} similar to ${like.product.name}` : `${count} in ${place(answer.gate)}`);
  part("time").textContent = words.timings(answer.timings_ms);
  part("back").hidden = !canGoBack;
  part("where").hidden = Boolean(like);
  part("like").hidden = !like;
  if (like) part("like").src = like.photo;
  part("grid").replaceChildren(...answer.results.map((hit) => card(hit, answer, onSimilar)));
  if (answer.left_out) showLeftOut(answer);
}

/** Say that less similar products are not shown, and how they can be. */
function showLeftOut({ results, left_out: { similarity, min_similarity } }) {
  // All their digits: cut to two, both may be 0.55.
  part("left-out-text").textContent = results.length
    ? "Less similar products are not shown."
    : `Nothing is similar enough. The closest comes to ${similarity}; the shop shows what comes to ${min_similarity}.`;
  part("left-out").hidden = false;
}

export function showNothing() {
  settle(photoUrl ? "empty" : "idle", "");
  part("where").hidden = true;
  part("back").hidden = true;
  part("grid").replaceChildren();
}

/** Say why there is no answer, above whatever is shown; the visitor may have scrolled below that. */
export function showFailure(failure) {
  part("failure-text").textContent = failure.message;
  part("again").hidden = !failure.again;
  part("failure").hidden = false;
  part("failure").scrollIntoView({ block: "nearest" });
}

function settle(state, title) {
  document.body.dataset.state = state;
  part("results").setAttribute("aria-busy", String(state === "busy"));
  part("results-title").textContent = title;
  part("spoken").textContent = title;
  part("time").textContent = "";
  part("back").disabled = state === "busy";
  part("like").hidden = true;
  part("left-out").hidden = true;
  part("failure").hidden = true;
}

function place({ categories }) {
  const searched = categories.filter((category) => category.searched);
  return searched.length === 1 ? searched[0].name : words.count(searched.length, "category", "categories");
}

export function focusResults() {
  part("results-title").focus({ preventScroll: true });
  part("results").scrollIntoView({ block: "start" });
}

export function focusCard(sku) {
  part("grid").querySelector(`[data-sku="${CSS.escape(sku)}"] .similar`)?.focus();
}

/** Show the gate: each category with its probability, those that were searched pressed. */
export function showGate(gate, onChoose) {
  const chosen = gate.mode === "override";
  const all = gate.categories.every((category) => category.searched);
  const chips = gate.categories.map((category) => chip(category, all, onChoose));
  const rest = chips.filter((_, place) => place >= CHIPS && (all || !gate.categories[place].searched));
  for (const one of rest) one.hidden = true;
  chips.unshift(plainChip("All", all, () => onChoose("all")));
  if (rest.length) chips.push(more(rest));
  if (chosen) chips.push(plainChip("Automatic", false, () => onChoose(null)));
  part("where-why").textContent = why(gate);
  part("where-why").classList.toggle("doubt", gate.mode === "unknown" || gate.low_confidence);
  part("chips").replaceChildren(...chips);
}

const STRANGE = "This does not look much like what the shop sells.";

function why({ mode, confidence, low_confidence, categories }) {
  if (mode === "unknown") return "This looks like nothing the shop sells: all of it was searched for the nearest.";
  if (mode === "override") return `Where you chose to look.${low_confidence ? ` ${STRANGE}` : ""}`;
  if (categories.length < 2) return "";
  if (mode === "open") return "The shop has not learned to tell its categories apart yet, so all were searched.";
  const sure = `Most likely ${categories[0].name}, ${words.percent(confidence)} sure.`;
  const likeliest = low_confidence ? `${STRANGE} ${sure}` : sure;
  return categories.filter((category) => category.searched && category.probability !== null).length > 1
    ? `${likeliest} Not sure enough to look only there.`
    : likeliest;
}

function chip({ slug, name, probability, searched }, all, onChoose) {
  const button = plainChip(name, searched && !all, () => onChoose(slug));
  if (probability !== null) {
    const share = document.createElement("span");
    share.className = "share";
    share.textContent = words.percent(probability);
    button.append(share);
    button.style.setProperty("--share", probability);
  }
  return button;
}

function plainChip(text, pressed, onClick) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "chip";
  button.textContent = text;
  button.setAttribute("aria-pressed", String(pressed));
  button.addEventListener("click", onClick);
  return button;
}

function more(hidden) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "chip more";
  button.textContent = `${hidden.length} more`;
  button.addEventListener("click", () => {
    for (const one of hidden) one.hidden = false;
    hidden[0].focus();
    button.remove();
  });
  return button;
}

function card(hit, { metric }, onSimilar) {
  const { product, photo } = hit;
  const item = part("card").content.firstElementChild.cloneNode(true);
  const piece = (name) => item.querySelector(`.${name}`);
  item.dataset.sku = product.sku;
  const picture = item.querySelector("img");
  picture.alt = `${product.name}, ${product.category}`;
  picture.onerror = () => picture.replaceWith("No picture");
  picture.src = photo;
  piece("name").append(named(product));
  piece("price").textContent = words.price(product);
  piece("stock").textContent = product.in_stock ? "In stock" : "Sold out";
  piece("stock").classList.toggle("out", !product.in_stock);
  piece("number").textContent = words.similarity(hit.similarity, metric);
  if (hit.duplicates.length) piece("also").append("Also as ", ...also(hit.duplicates));
  piece("similar").setAttribute("aria-label", `Products similar to ${product.name}`);
  piece("similar").addEventListener("click", () => onSimilar(hit));
  return item;
}

/** The other products with this picture: "A", "A, B" or "A, B, C and 4 more". */
function also(duplicates) {
  const shown = duplicates.slice(0, ALSO).flatMap(({ product }) => [", ", named(product)]).slice(1);
  return duplicates.length > ALSO ? [...shown, ` and ${duplicates.length - ALSO} more`] : shown;
}

function named({ name, url }) {
  if (!/^https?:/.test(url)) return name;
  const link = document.createElement("a");
  link.href = url;
  link.textContent = name;
  return link;
}

function blank() {
  const item = document.createElement("li");
  item.className = "card blank";
  const tile = document.createElement("div");
  tile.className = "tile";
  item.append(tile);
  return item;
}

/** Show how much can be found, and what stands between the visitor and good matches. Returns the photos still waiting. */
export function showIndex({ space, weights, categories, head }) {
  const total = (key) => categories.reduce((sum, category) => sum + category[key], 0);
  const [photos, indexed, pending] = [total("photos"), total("indexed"), total("pending")];
  part("coverage").textContent = pending
    ? `Indexing is running: ${indexed} of ${words.count(photos, "photo")} so far`
    : `${words.count(indexed, "photo")} in ${words.count(categories.length, "category", "categories")}`;
  part("coverage").classList.toggle("running", pending > 0);
  part("model").textContent = head
    ? `Model ${space}. It names the right category for ${words.percent(head.accuracy)} of the shop’s own photos that it had not seen.`
    : `Model ${space}.`;
  const notices = [];
  if (!photos) notices.push(EMPTY);
  else if (!indexed) notices.push(pending ? WAITING : REJECTED);
  if (weights === "random") notices.push(UNTRAINED);
  showNotices(notices);
  return pending;
}

const EMPTY = ["The catalogue is empty.", "Add products in the administration, or import a catalogue."];
const WAITING = ["Nothing is indexed yet.", "The first photos can be found in a moment."];
const REJECTED = ["No photo could be indexed.", "The administration names the reason for each."];
const UNTRAINED = ["The model is untrained, so matches are rough.", "The cure: manage.py create_space with trained weights, then activate_space."];

/** Each notice is a headline and a sentence. Unchanged ones are left alone, or they would be read out again. */
export function showNotices(notices) {
  const shown = part("notices");
  if (shown.dataset.text === JSON.stringify(notices)) return;
  shown.dataset.text = JSON.stringify(notices);
  shown.replaceChildren(
    ...notices.map(([headline, sentence]) => {
      const notice = document.createElement("p");
      notice.className = "notice";
      const strong = document.createElement("strong");
      strong.textContent = headline;
      notice.append(strong, ` ${sentence}`);
      return notice;
    }),
  );
}
