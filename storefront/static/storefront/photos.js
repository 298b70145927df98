// How a photo gets in: chosen, taken, dropped or pasted.

import { part } from "./dom.js";

const LONG_SIDE = 1600; // Pixels: several times what any network looks at, so that a part of the photo is still sharp.
const SMALL = 250_000; // Bytes that are sent in no time.
const NO_FILE = "There was no photo file in that. Save the picture first, then choose the file.";

/** `onPhoto` hears every photo that the visitor gives, `onRefused` a sentence on why something cannot be sent. */
export function listen(onPhoto, onRefused) {
  let last = null;
  const give = async (given) => {
    last = given;
    const photo = given.size > SMALL ? await fitted(given) : given;
    if (given !== last) return; // Another was given meanwhile.
    if (photo.size <= Number(part("photo").dataset.maxBytes)) return onPhoto(photo);
    const megabytes = Math.ceil(photo.size / 1_000_000);
    const cure = "Save the photo smaller, then try again.";
    onRefused(`That file has ${megabytes} MB, more than the shop takes. ${cure}`);
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

/** The photo, upright and scaled down to LONG_SIDE. It is unchanged if it is small or the browser cannot read it. */
async function fitted(photo) {
  try {
    const bitmap = await createImageBitmap(photo, { imageOrientation: "from-image" });
    const scale = LONG_SIDE / Math.max(bitmap.width, bitmap.height);
    if (scale >= 1) return photo;
    const canvas = new OffscreenCanvas(Math.round(bitmap.width * scale), Math.round(bitmap.height * scale));
    const context = canvas.getContext("2d");
    context.fillStyle = "white"; // A JPEG has no transparency.
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.imageSmoothingQuality = "high";
    context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    bitmap.close();
    const blob = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.9 });
    return new File([blob], photo.name, { type: blob.type });
  } catch {
    return photo;
  }
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
