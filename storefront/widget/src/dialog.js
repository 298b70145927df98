// The dialog of a search by photo: what it is made of, and how it shows each state of a search.

import { element } from "../../static/storefront/dom.js";
import { left, ranking } from "../../static/storefront/words_left.js";
import { blanks } from "./cards.js";
import { Intake } from "./intake.js";
import { button, iconButton, made, unseen } from "./made.js";
import { Stage } from "./stage.js";

const BLANKS = 6;

// What a page need not hear of: it may search, or drop what has the focus, by single keys.
const INNER = ["keydown", "keyup", "keypress", "beforeinput", "input", "paste"];

export class PhotoDialog {
  #held = ""; // The words that were last sent from the field, or written into it.

  /**
   * `handlers` hear what the visitor does: `onPhoto(file)`, `onThing(number)`, `onMore()`, `onRegion(region)`,
   * `onWords(words)`, `onAnyway()`, `onRetry()`, `onClose()`; `onUnseen()` that the page does not let the dialog show.
   */
  constructor(language, handlers) {
    Object.assign(this, { language, handlers });
    const say = (name) => language.say(name);
    this.intake = new Intake(language, handlers.onPhoto, (why) => this.complain(why));
    this.stage = new Stage(language, {
      onThing: handlers.onThing,
      onRegion: handlers.onRegion,
      onWithdrawn: () => {
        this.#offers();
        this.select.focus();
      },
    });
    const choose = () => this.intake.chooser.click();
    this.chooser = button("button", say("choose"), choose);
    this.chooser.autofocus = true;
    this.select = button("button quiet", say("select_part"), () => this.#offer());
    this.whole = button("button quiet", say("whole_photo"), () => this.#leavePart());
    this.another = button("button quiet", say("another"), choose);
    this.anyway = button("button", say("anyway"), handlers.onAnyway);
    this.retry = button("button", say("retry"), handlers.onRetry);
    this.title = made("h3", "summary", { id: "found", tabIndex: -1 });
    this.things = element("div", { className: "things", role: "group", ariaLabel: say("things") });
    this.message = made("p", "message");
    this.results = made("ul", "results", { role: "list" });
    this.says = unseen("p", { role: "status" });
    this.progress = element("progress", { max: 1, ariaLabel: say("searching"), hidden: true });
    this.complaint = made("p", "error", { role: "alert", hidden: true });
    this.element = made("dialog", "dialog", {}, this.#head(), this.#body());
    this.element.setAttribute("aria-labelledby", "title");
    this.element.lang = language.tag;
    this.element.dir = language.direction;
    this.#listen();
    this.#offers();
    this.start();
  }

  #head() {
    const close = iconButton("close", "close", this.language.say("close"), () => this.close());
    return made("div", "top", {}, made("h2", "title", { id: "title" }, this.language.say("title")), close);
  }

  #body() {
    const say = (name) => this.language.say(name);
    const take = button("button quiet camera", say("take"), () => this.intake.camera.click());
    const pickers = element("div", { className: "pickers" }, this.chooser, take);
    const start = made("div", "start", {}, element("p", {}, say("intro")), pickers, made("p", "hint", {}, say("drop")));
    const tools = element("div", { className: "pickers tools" }, this.select, this.whole, this.another);
    const side = made("div", "side", {}, this.stage.element, this.progress, tools, this.#words());
    const ways = element("div", { className: "pickers" }, this.anyway, this.retry);
    const found = made("div", "found", {}, this.title, this.things, this.message, ways, this.results);
    const { chooser, camera } = this.intake;
    return element("div", { className: "body" }, this.complaint, start, side, found, chooser, camera, this.says);
  }

  /** The field that says what shall differ, and what its words were taken for. */
  #words() {
    const { language } = this;
    this.field = made("input", "field", { type: "search", id: "words", maxLength: 200, autocomplete: "off" });
    this.field.enterKeyHint = "search";
    this.field.placeholder = language.say("words_hint");
    const label = element("label", { htmlFor: "words" }, language.say("words"));
    const send = iconButton("send", "search", language.say("words_send"), () => {});
    send.type = "submit";
    const form = element(
      "form",
      { className: "words" },
      label,
      element("div", { className: "line" }, this.field, send),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#sendWords(this.field.value.trim());
    });
    this.taken = element("ul", { className: "taken", role: "list", ariaLabel: language.say("understood") });
    this.understood = element("p", { className: "muted" });
    form.append(this.taken, this.understood);
    return form;
  }

  #listen() {
    const { element: dialog } = this;
    for (const name of INNER) dialog.addEventListener(name, (event) => event.stopPropagation());
    dialog.addEventListener("paste", (event) => this.intake.paste(event));
    this.intake.listenToDrops(dialog, { over: (isOver) => dialog.classList.toggle("over", isOver) });
    let pressed = null; // Where the pointer went down: a drag that ends outside of the dialog does not close it.
    dialog.addEventListener("pointerdown", ({ target }) => (pressed = target));
    dialog.addEventListener("click", ({ target }) => {
      if (target === dialog && pressed === dialog) this.close();
    });
    dialog.addEventListener("close", () => {
      if (dialog.open) return; // It was opened again before the browser told of it.
      this.close();
      this.handlers.onClose();
    });
    new ResizeObserver(() => this.#seen()).observe(dialog);
  }

  /** What is pasted while nothing has the focus. */
  #pasted = (event) => {
    if (this.element.isConnected && event.target === document.body) this.intake.paste(event);
  };

  get isOpen() {
    return this.element.open;
  }

  /** Open it. Returns whether it shows. */
  open() {
    document.addEventListener("paste", this.#pasted);
    this.element.showModal();
    return this.#seen();
  }

  close() {
    document.removeEventListener("paste", this.#pasted);
    this.element.close();
  }

  /** Close a dialog that does not show: nothing on the page could be reached. Returns whether it shows. */
  #seen() {
    if (!this.isOpen || this.element.checkVisibility()) return this.isOpen;
    this.close();
    this.handlers.onUnseen();
    return false;
  }

  /** Ask for a photo. */
  start() {
    this.element.dataset.state = "start";
    this.complaint.hidden = true;
  }

  /** Show another photo, whose answer follows. */
  async showPhoto(photo) {
    this.element.dataset.state = "search";
    this.hasWhole = false;
    this.stage.drop();
    this.things.replaceChildren();
    this.#tellWords(null);
    await this.stage.draw(photo);
    this.#offers();
  }

  /** Hold the places of what is looked for. If it is not `anew`, what is shown fades. */
  showBusy(anew) {
    const told = this.language.say("searching");
    this.complaint.hidden = this.anyway.hidden = this.retry.hidden = true;
    this.message.textContent = "";
    this.title.textContent = told;
    this.say(told);
    this.element.dataset.busy = anew ? "anew" : "again";
    this.results.ariaBusy = "true";
    if (anew) this.results.replaceChildren(...blanks(BLANKS));
  }

  showSent(share) {
    this.progress.hidden = false;
    if (share < 1) this.progress.value = share;
    else this.progress.removeAttribute("value"); // It is sent: how long the answer takes nobody knows.
  }

  /** Show what was found: `title`, `message`, `items` (cards), `mayShowAnyway`, and what the words were `taken` for. */
  showFound({ title, message, items, mayShowAnyway, words, taken }) {
    this.told = [title, message];
    this.#settle(title, message);
    this.anyway.hidden = !mayShowAnyway;
    this.results.replaceChildren(...items);
    this.results.parentElement.scrollTop = 0;
    if (this.field.value.trim() === this.#held) this.field.value = this.#held = words; // Nothing was typed meanwhile.
    this.#tellWords(taken, words);
  }

  /** Show the things in the photo; `region` is the part that counts, "" for none. */
  showThings({ things, names, chosen, more }, region) {
    this.stage.show({ region, things, names, chosen });
    const chips = names.map((name, place) => {
      const chip = button("chip", name, () => this.handlers.onThing(place + 1));
      chip.ariaPressed = String(place + 1 === chosen);
      chip.prepend(element("span", { className: "digit", ariaHidden: "true" }, String(place + 1)));
      return chip;
    });
    if (more) chips.push(button("chip more", this.language.count("more", more), this.handlers.onMore));
    this.#refill(this.things, chips);
    this.hasWhole = things.length > 0 || Boolean(region);
    this.#offers();
  }

  /** Show why a search has no answer. What was found before stays. */
  showFailure(message, mayRetry) {
    const isAnew = this.element.dataset.busy === "anew";
    this.#settle(...(isAnew ? ["", ""] : this.told));
    if (isAnew) this.results.replaceChildren();
    this.complain(message);
    this.retry.hidden = !mayRetry;
  }

  /** Say why something cannot be done, above all else. */
  complain(why) {
    this.complaint.textContent = why;
    this.complaint.hidden = false;
    this.complaint.scrollIntoView({ block: "nearest" });
  }

  /** Search with these words. What the field holds gives way to them, unless it changes until they are answered. */
  #sendWords(words) {
    this.#held = this.field.value.trim();
    this.handlers.onWords(words);
  }

  /** Put the focus on what was found, if what had it is gone. */
  keepFocus() {
    const { activeElement } = this.element.getRootNode();
    if (!activeElement || activeElement === this.element || !activeElement.checkVisibility()) {
      const place = this.title.textContent ? this.title : this.retry.hidden ? this.another : this.retry;
      place.focus({ preventScroll: true });
    }
  }

  say(text) {
    if (this.says.textContent !== text) this.says.textContent = text;
  }

  #settle(title, message) {
    delete this.element.dataset.busy;
    this.results.ariaBusy = "false";
    this.progress.hidden = this.complaint.hidden = this.anyway.hidden = this.retry.hidden = true;
    this.title.textContent = title;
    this.message.textContent = message;
    this.say([title, message].filter(Boolean).join(". "));
  }

  #offer() {
    this.stage.offer();
    this.#offers();
    this.stage.element.querySelector(".mover").focus();
  }

  #leavePart() {
    if (this.stage.isOffering) return this.stage.withdraw();
    this.stage.drop();
    this.handlers.onRegion("");
  }

  /** Which of the photo's buttons there are. */
  #offers() {
    const hasBox = this.stage.isOffering || Boolean(this.hasWhole);
    this.select.hidden = hasBox || !this.stage.isSeen;
    this.whole.hidden = !hasBox;
  }

  #tellWords(taken, words) {
    const { language } = this;
    const quoted = (texts) => language.list(texts.map((text) => language.say("quoted", { text })));
    const chip = (text, isLoosened, spans) => {
      const one = button(isLoosened ? "chip loosened" : "chip", text, () =>
        this.#sendWords(left(words, taken, spans)),
      );
      one.setAttribute("aria-label", language.say("take_off", { text }));
      one.append(element("span", { ariaHidden: "true" }, " ✕"));
      return element("li", {}, one);
    };
    const chips = (taken?.understood ?? []).map(({ text, loosened, spans }) => chip(text, loosened, spans));
    if (taken?.ranked_by) chips.push(chip(taken.ranked_by, false, ranking(words, taken.ranked_by)));
    this.taken.replaceChildren(...chips);
    const loosened = (taken?.understood ?? []).filter((one) => one.loosened).map(({ text }) => text);
    const unread = taken?.not_understood ?? [];
    const told = [];
    if (loosened.length) told.push(language.say("loosened", { words: quoted(loosened) }));
    if (unread.length) told.push(language.say("not_understood", { words: quoted(unread) }));
    this.understood.textContent = told.join(" ");
  }

  /** Put new chips in the place of others. The focus stays where it was. */
  #refill(container, chips) {
    const place = [...container.children].indexOf(container.getRootNode().activeElement);
    container.replaceChildren(...chips);
    if (place >= 0) chips[Math.min(place, chips.length - 1)]?.focus({ preventScroll: true });
  }
}
