// The wiring: how a photo gets in, and what follows from each click.

import * as api from "./api.js";
import * as view from "./view.js";

const POLL_MS = 5000;
const part = (id) => document.getElementById(id);

let photo = null; // The File searched with.
let trail = []; // The steps back: the matches of the photo, then one step for each "similar". `anyway` asks for more.
let current = null; // The AbortController of the call under way: a newer call replaces it.
let repeat = null; // What "try again" does.

function searchWith(file) {
  photo = file;
  trail = [];
  view.showPhoto(file);
  if (file.size > Number(part("photo").dataset.maxBytes)) {
    const megabytes = Math.ceil(file.size / 1_000_000);
    return refuse(`That file has ${megabytes} MB, more than the shop takes. Save the photo smaller, then try again.`);
  }
  return searchIn(null);
}

/** Search with the photo in one category, in "all", or (null) where the shop itself would look. */
function searchIn(category, anyway = false) {
  const call = (signal) => api.search(photo, category, anyway, signal);
  return ask("Looking for matches…", call, (answer) => {
    trail = [{ answer, anyway: () => searchIn(category, true) }];
    view.showGate(answer.gate, searchIn);
    showLast();
    if (anyway) view.focusResults(); // The button that asked is gone.
  });
}

/** Show products like one that was found, as the step after those `behind` it. */
function findSimilar(hit, behind = trail, anyway = false) {
  const call = (signal) => api.similar(hit.product.sku, anyway, signal);
  return ask(`Looking for products like ${hit.product.name}…`, call, (answer) => {
    trail = [...behind, { answer, like: hit, anyway: () => findSimilar(hit, behind, true) }];
    showLast();
    view.focusResults();
  });
}

function goBack() {
  const { like } = trail.at(-1);
  trail = trail.slice(0, -1);
  showLast();
  view.focusCard(like.product.sku);
}

function showLast() {
  if (trail.length) view.showStep(trail.at(-1), trail.length > 1, findSimilar);
  else view.showNothing();
}

/** Make one call, its progress shown and its failure told. An answer overtaken by a newer call is dropped. */
async function ask(text, call, onAnswer) {
  current?.abort();
  const { signal } = (current = new AbortController());
  const before = trail;
  repeat = () => ask(text, call, onAnswer);
  view.showBusy(text);
  try {
    const answer = await call(signal);
    if (!signal.aborted) onAnswer(answer);
  } catch (error) {
    if (signal.aborted) return;
    trail = before; // An answer that cannot be shown is no place to come back to.
    showLast();
    if (error instanceof api.Failure) return view.showFailure(error);
    view.showFailure(new api.Failure("This page could not show the answer. Reload it and try again."));
    throw error;
  }
}

/** Say why nothing is sent. */
function refuse(reason) {
  current?.abort();
  showLast();
  view.showFailure(new api.Failure(reason));
}

async function searchWithSample(button) {
  current?.abort();
  const { signal } = (current = new AbortController());
  try {
    const response = await fetch(button.querySelector("img").src, { signal });
    if (!response.ok) throw new Error(response.status);
    const blob = await response.blob();
    if (!signal.aborted) searchWith(new File([blob], button.dataset.name, { type: blob.type }));
  } catch {
    if (!signal.aborted) refuse("That sample photo cannot be loaded. Reload the page, then try again.");
  }
}

/** A dropped or pasted photo; a picture dragged from another page is a link at most, and cannot be read. */
function take({ files }) {
  if (files.length) searchWith(files[0]);
  else refuse("There was no photo file in that. Save the picture first, then choose the file.");
}

async function watchIndex() {
  let settled = false;
  try {
    settled = view.showIndex(await api.indexState()) === 0;
  } catch (error) {
    if (!(error instanceof api.Failure)) throw error;
    view.showNotices([["The shop is not ready.", error.message]]);
  }
  if (!settled) setTimeout(watchIndex, POLL_MS);
}

part("photo").addEventListener("change", ({ target }) => {
  if (target.files.length) searchWith(target.files[0]);
  target.value = ""; // So that choosing the same file again is a change.
});

// The whole page takes the drop: beside the frame, the browser would leave the page to show the file.
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  part("drop").classList.add("over");
});
document.addEventListener("dragleave", ({ relatedTarget }) => {
  if (!relatedTarget) part("drop").classList.remove("over");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  part("drop").classList.remove("over");
  take(event.dataTransfer);
});

document.addEventListener("paste", ({ clipboardData }) => take(clipboardData));
for (const button of document.querySelectorAll(".sample")) {
  button.addEventListener("click", () => searchWithSample(button));
}
part("back").addEventListener("click", goBack);
part("anyway").addEventListener("click", () => trail.at(-1).anyway());
part("again").addEventListener("click", () => repeat());

watchIndex();
