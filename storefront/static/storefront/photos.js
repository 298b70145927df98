// How a photo gets in: chosen, taken, dropped or pasted.

import { part } from "./dom.js";
import { fitted, megabytes } from "./photo_files.js";

const NO_FILE = "There was no photo file in that. Save the picture first, then choose the file.";

/** `onPhoto` hears every photo that the visitor gives, `onRefused` a sentence on why something cannot be sent. */
export function listen(onPhoto, onRefused) {
  let last = null;
  const give = async (given) => {
    last = given;
    const photo = await fitted(given);
    if (given !== last) return; // Another was given meanwhile.
    if (photo.size <= Number(part("photo").dataset.maxBytes)) return onPhoto(photo);
    const cure = "Save the photo smaller, then try again.";
    onRefused(`That file has ${megabytes(photo)} MB, more than the shop takes. ${cure}`);
  };
  // A picture dragged from another page is a link at most, and cannot be read.
  const take = ({ files }) => (files.length ? give(files[0]) : onRefused(NO_FILE));
  listenToPickers(give);
  listenToDrops(take);
  document.addEventListener("paste", ({ clipboardData, target }) => {
    const { files, types } = clipboardData;
    const intoField = target.closest("input"); // Words pasted there may bring a picture of themselves.
    if (!intoField || (files.length && !types.includes("text/plain"))) take(clipboardData);
  });
}

function listenToPickers(give) {
  for (const id of ["photo", "camera"]) {
    part(id).addEventListener("change", ({ target }) => {
      if (target.files.length) give(target.files[0]);
      target.value = ""; // So that choosing the same file again is a change.
    });
  }
  for (const button of document.querySelectorAll("[data-picks]")) {
    button.addEventListener("click", () => part(button.dataset.picks).click());
  }
}

/** The whole page takes files and links, or the browser would leave the page to show them. Words drop as ever. */
function listenToDrops(take) {
  const ours = ({ dataTransfer: { types }, target }) =>
    types.includes("Files") || (types.includes("text/uri-list") && !target.closest("input"));
  document.addEventListener("dragover", (event) => {
    if (!ours(event)) return;
    event.preventDefault();
    document.body.classList.add("over");
  });
  document.addEventListener("dragleave", ({ relatedTarget }) => {
    if (!relatedTarget) document.body.classList.remove("over");
  });
  document.addEventListener("drop", (event) => {
    if (!ours(event)) return;
    event.preventDefault();
    document.body.classList.remove("over");
    take(event.dataTransfer);
  });
}
