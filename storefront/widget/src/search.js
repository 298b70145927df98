// <lamplight-search>: a button that opens a dialog, and the search in it.

import { MATCHES } from "../../static/storefront/api.js";
import { Failure } from "../../static/storefront/failures.js";
import { NO_FILTERS } from "../../static/storefront/query.js";
import { sceneOf, unfold } from "../../static/storefront/scene.js";
import { cards } from "./cards.js";
import { PhotoDialog } from "./dialog.js";
import { ATTRIBUTES, LamplightElement } from "./element.js";
import { iconButton } from "./made.js";

const ALL = "0,0,1,1";
const NOTHING_ASKED = { words: "", region: "", thing: "", category: "", anyway: false, filters: NO_FILTERS };

export class LamplightSearch extends LamplightElement {
  static observedAttributes = ATTRIBUTES;
  #isOpen = false; // As the page was told.
  #dialog = null;
  #language = null;
  #api = null;
  #call = null; // The AbortController of the call under way.
  #entry = null; // What is shown: photo, query, answer and, of a region, the `whole` entry that it is part of.
  #next = null; // What is asked for, until it is there: a change that comes meanwhile adds to it.

  /** Make the button, and a dialog that has forgotten all. */
  render() {
    this.close();
    this.#call?.abort();
    this.#entry = this.#next = null;
    this.#language = this.language();
    this.#api = this.connection(this.#language);
    const dialog = new PhotoDialog(this.#language, {
      onPhoto: (photo) => this.#begin(photo),
      onThing: (number) => this.#choose(number),
      onMore: () => this.#showAll(),
      onRegion: (region) => this.#look(region),
      onWords: (words) => this.#refine({ words, thing: "", anyway: false }),
      onAnyway: () => this.#refine({ anyway: true }),
      onRetry: () => this.#load(this.#next ?? this.#entry),
      onClose: () => dialog === this.#dialog && this.#closed(),
      onUnseen: () => this.warn("its dialog cannot show: do not set display to none, but the attribute hidden"),
    });
    this.#dialog = dialog;
    const opener = iconButton("button opener", "camera", this.#language.say("button"), () => this.open());
    opener.setAttribute("part", "opener");
    opener.setAttribute("aria-haspopup", "dialog");
    dialog.intake.listenToDrops(opener, { before: () => this.open() });
    this.shadowRoot.replaceChildren(opener, dialog.element);
  }

  disconnectedCallback() {
    this.close();
  }

  /** Open the dialog. What was found before is still there. */
  open() {
    if (!this.isConnected) return this.warn("it is not in the page, so its dialog cannot open");
    this.settle();
    if (this.#dialog.isOpen) return;
    this.#closed(); // The browser has not told yet.
    if (!this.#dialog.open()) return;
    this.#isOpen = true;
    this.tell("open");
    if (this.#next && !this.#next.isRefused) this.#load(this.#next); // It was closed before the answer came.
  }

  close() {
    this.#dialog?.close();
    this.#closed();
  }

  #closed() {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#call?.abort();
    this.tell("close");
  }

  /** Open the dialog, and search by a photo (a Blob or File). Raises TypeError if it is none. */
  async search(photo) {
    if (!(photo instanceof Blob)) throw new TypeError("search(photo) takes a File or another Blob.");
    this.open();
    if (this.#isOpen) await this.#dialog.intake.give(photo);
  }

  async #begin(photo) {
    if (!this.#isOpen) return; // It was closed while the photo was made smaller.
    this.#entry = null;
    this.#dialog.showPhoto(photo);
    await this.#load({ photo, query: { ...NOTHING_ASKED }, answer: null, whole: null });
  }

  /** Ask for the same photo with a change. What is shown stays until the answer is there. */
  #refine(change) {
    const former = this.#next ?? this.#entry;
    const { photo, query, whole, answer } = former;
    const isSame = change.words === undefined && !change.anyway; // Otherwise the things' matches are others.
    const around = isSame && (query.region ? whole : answer && former);
    return this.#load({ photo, query: { ...query, ...change }, answer: null, whole: around || null });
  }

  /** Look for a part of the photo; for "", for all that is in it. */
  #look(region) {
    const { query, whole, answer } = this.#next ?? this.#entry;
    if (region) return this.#refine({ region, thing: "" });
    const isScene = !query.region && answer && this.#scene().things.length;
    if (isScene) return this.#refine({ region: ALL, thing: "" });
    if (whole) return this.#show(whole);
    return this.#refine({ region: "", thing: "" });
  }

  /** Choose a thing of the photo by its number. Its matches came with the answer. */
  #choose(number) {
    this.#dialog.stage.drop();
    const entry = this.#entry.query.region ? this.#entry.whole : this.#entry;
    const coming = this.#next?.isRefused ? null : this.#next?.query;
    const isOther = coming && (coming.words !== entry?.query.words || coming.anyway !== entry.query.anyway);
    if (!entry || isOther) return this.#refine({ region: "", thing: String(number) });
    this.#call?.abort();
    this.#show({ ...entry, query: { ...entry.query, thing: String(number) } });
  }

  #showAll() {
    unfold(this.#scene().answer);
    this.#showThings();
  }

  async #load(entry) {
    this.#call?.abort();
    this.#call = new AbortController();
    const { signal } = this.#call;
    const dialog = this.#dialog;
    const former = this.#entry;
    this.#next = entry;
    entry.isRefused = false;
    dialog.showBusy(!former);
    try {
      entry.answer = await this.#api.byPhoto(entry.photo, entry.query, (share) => dialog.showSent(share), signal);
      if (signal.aborted) return;
      this.#show(entry);
      dialog.keepFocus();
    } catch (error) {
      if (signal.aborted) return;
      const isTold = error instanceof Failure;
      // An answer that this script cannot show is a fault of Lamplight's, for the console as well.
      const broken = () => new Failure(this.#language.say("broken"), { again: true, detail: error.message });
      const failure = isTold ? error : broken();
      const { message, again } = await this.explain(failure, this.#language);
      if (signal.aborted) return;
      [this.#entry, this.#next] = [former, entry];
      entry.answer = null;
      entry.isRefused = !again;
      dialog.showFailure(message, again);
      dialog.keepFocus();
      if (!isTold) throw error;
    }
  }

  /** The things in the photo that shows; the first is chosen unless another is. */
  #scene() {
    const { answer } = this.#entry;
    const { categories } = (this.#entry.whole ?? { answer }).answer.gate;
    const known = sceneOf({ ...this.#entry, categories, unnamed: this.#language.say("thing_unnamed") });
    const isPart = Boolean(this.#entry.query.region);
    return { ...known, chosen: isPart || !known.things.length ? 0 : known.chosen || 1 };
  }

  #show(entry) {
    this.#entry = entry;
    this.#next = null;
    const { query, answer } = entry;
    const thing = this.#showThings();
    const shown = thing ? { ...answer, ...thing } : answer;
    const onSelect = (event, hit, position) => this.select(event, hit, position, answer, this.#api);
    const items = cards(shown.results, this, this.#language, onSelect);
    this.#dialog.showFound({
      ...this.#told(shown, query, !thing && answer.gate),
      items,
      mayShowAnyway: Boolean(shown.left_out) && !shown.results.length,
      words: query.words,
      taken: answer.words,
    });
    this.tell("results", { kind: "photo", results: shown.results, queryId: answer.query_id, words: query.words });
  }

  /** Show the things in the photo, and the part that counts. Returns the thing that is chosen, if there is one. */
  #showThings() {
    const { region } = this.#entry.query;
    const scene = this.#scene();
    const thing = scene.things[scene.chosen - 1];
    this.#dialog.showThings(scene, thing ? thing.box.join(",") : region === ALL ? "" : region);
    return thing;
  }

  /** What was found, or why nothing. `gate` is the answer's, false for one of several things: it is of the whole photo. */
  #told({ results, left_out: left }, { words }, gate) {
    const { length } = results;
    const say = (name) => this.#language.say(name);
    if (!length) {
      const message = say(left ? "nothing_similar" : words ? "nothing_fits" : "nothing");
      return { title: say("no_matches"), message };
    }
    const isGuess = gate && (gate.mode === "unknown" || gate.low_confidence);
    const name = isGuess || length >= MATCHES ? "closest" : "matches";
    return { title: this.#language.count(name, length), message: isGuess ? say("strange_photo") : "" };
  }
}
