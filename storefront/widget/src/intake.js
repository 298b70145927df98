// How a photo gets into the dialog: chosen, taken, dropped or pasted.

import { element } from "../../static/storefront/dom.js";
import { fitted, megabytes } from "../../static/storefront/photo_files.js";

const READ = "image/jpeg,image/png,image/webp,image/avif,image/heic,image/heif,image/gif";
const MAX_BYTES = 20_000_000; // What the API takes (docs/api.md).

export class Intake {
  #last = null;
  #onPhoto;
  #onRefused;
  #language;

  /** `onPhoto` hears every photo that the visitor gives, `onRefused` a sentence on why something cannot be sent. */
  constructor(language, onPhoto, onRefused) {
    this.#language = language;
    this.#onPhoto = onPhoto;
    this.#onRefused = onRefused;
    this.chooser = this.#input({ accept: READ });
    this.camera = this.#input({ accept: "image/*" });
    this.camera.setAttribute("capture", "environment");
  }

  #input({ accept }) {
    const input = element("input", { type: "file", hidden: true, accept });
    input.addEventListener("change", () => {
      if (input.files.length) this.give(input.files[0]);
      input.value = ""; // So that choosing the same file again is a change.
    });
    return input;
  }

  /** Take a photo, in a size that is sent in no time. */
  async give(given) {
    this.#last = given;
    const photo = await fitted(given);
    if (given !== this.#last) return; // Another was given meanwhile.
    if (photo.size <= MAX_BYTES) return this.#onPhoto(photo);
    this.#onRefused(this.#language.say("too_many_bytes", { count: megabytes(photo) }));
  }

  /** What was dropped or pasted. A picture dragged from another page is a link at most, and cannot be read. */
  #take({ files }) {
    if (files.length) return this.give(files[0]);
    this.#onRefused(this.#language.say("no_file"));
  }

  /** Take what is dropped onto an element. `over` hears whether something is about to be, `before` that it is. */
  listenToDrops(target, { over = () => {}, before = () => {} }) {
    const ours = ({ dataTransfer: { types } }) => types.includes("Files") || types.includes("text/uri-list");
    target.addEventListener("dragover", (event) => {
      if (!ours(event)) return;
      event.preventDefault();
      over(true);
    });
    target.addEventListener("dragleave", (event) => {
      if (!target.contains(event.relatedTarget)) over(false);
    });
    target.addEventListener("drop", (event) => {
      if (!ours(event)) return;
      event.preventDefault();
      over(false);
      before();
      this.#take(event.dataTransfer);
    });
  }

  /** What is pasted while the dialog is open. Words that are pasted into a field may bring a picture of themselves. */
  paste(event) {
    const { files, types } = event.clipboardData;
    const [target] = event.composedPath();
    const intoField = target.isContentEditable || target.closest?.("input, textarea");
    if (!intoField || (files.length && !types.includes("text/plain"))) this.#take(event.clipboardData);
  }
}
