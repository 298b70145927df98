// <lamplight-search>: a button that opens a dialog, and the search in it.

import { MATCHES } from "../../static/storefront/api.js";
import { Failure } from "../../static/storefront/failures.js";
import { NO_FILTERS } from "../../static/storefront/query.js";
import { sceneOf, unfold } from "../../static/storefront/scene.js";
import { cards } from "./cards.js";
import { PhotoDialog } from "./dialog.js";
import { LamplightElement } from "./element.js";
import { iconButton } from "./made.js";

const ALL = "0,0,1,1";
const NOTHING_ASKED = { words: "", region: "", thing: "", category: "", anyway: false, filters: NO_FILTERS };

export class LamplightSearch extends LamplightElement {
  #dialog = null;
  #language = null;
  #api = null;
  #call = null; // The AbortController of the call under way.
  #entry = null; // What is shown: photo, query, answer and, of a region, the `whole` entry that it is part of.
  #next = null; // What is asked for, until it is there: a change that comes meanwhile adds to it.

  /** Make the button, and a dialog that has forgotten all. */
  render() {
    this.close();
    this.#forget();
    this.#language = this.language();
    this.#api = this.connection(this.#language);
    this.#dialog = new PhotoDialog(this.#language, {
      onPhoto: (photo) => this.search(photo),
      onThing: (number) => this.#choose(number),
      onMore: () => this.#showAll(),
      onRegion: (region) => this.#look(region),
      onWords: (words) => this.#refine({ words, thing: "", anyway: false }),
      onAnyway: () => this.#refine({ anyway: true }),
      onRetry: () => this.#load(this.#next ?? this.#entry),
      onClose: () => {
        this.#call?.abort();
        this.tell("close");
      },
    });
    const opener = iconButton("button opener", "camera", this.#language.say("button"), () => this.open());
    opener.setAttribute("part", "opener");
    opener.setAttribute("aria-haspopup", "dialog");
    this.#dialog.intake.listenToDrops(opener);
    this.shadowRoot.replaceChildren(opener, this.#dialog.element);
  }

  disconnectedCallback() {
    this.#call?.abort();
  }

  /** Open the dialog. What was found before is still there. */
  open() {
    if (!this.#dialog) this.render();
    if (this.#dialog.element.open) return;
    this.#dialog.open();
    this.tell("open");
    if (this.#next) this.#load(this.#next); // It was closed before the answer came.
  }

  close() {
    this.#dialog?.element.close();
  }

  /** Open the dialog, and search by a photo (a Blob or File). */
  async search(photo) {
    this.open();
    this.#entry = null;
    this.#dialog.showPhoto(photo);
    await this.#load({ photo, query: { ...NOTHING_ASKED }, answer: null, whole: null });
  }

  #forget() {
    this.#call?.abort();
    this.#entry = this.#next = null;
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
    this.#call?.abort();
    this.#dialog.stage.drop();
    const entry = this.#entry.query.region ? this.#entry.whole : this.#entry;
    this.#show({ ...entry, query: { ...entry.query, thing: String(number) } });
  }

  #showAll() {
    unfold(this.#scene().answer);
    this.#show(this.#entry);
  }

  async #load(entry) {
    this.#call?.abort();
    this.#call = new AbortController();
    const { signal } = this.#call;
    const dialog = this.#dialog;
    this.#next = entry;
    dialog.showBusy(!this.#entry);
    try {
      entry.answer = await this.#api.byPhoto(entry.photo, entry.query, (share) => dialog.showSent(share), signal);
      if (signal.aborted) return;
      this.#show(entry);
      dialog.keepFocus();
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof Failure)) throw error;
      const { message, again } = await this.explain(error, this.#language);
      if (signal.aborted) return;
      dialog.showFailure(message, again);
      dialog.keepFocus();
    }
  }

  /** The things in the photo that shows; the first is chosen unless another is. */
  #scene() {
    const { answer } = this.#entry;
    const known = sceneOf({ ...this.#entry, categories: (this.#entry.whole ?? { answer }).answer.gate.categories });
    const isPart = Boolean(this.#entry.query.region);
    return { ...known, chosen: isPart || !known.things.length ? 0 : known.chosen || 1 };
  }

  #show(entry) {
    this.#entry = entry;
    this.#next = null;
    const { query, answer } = entry;
    const scene = this.#scene();
    const thing = scene.things[scene.chosen - 1];
    const shown = thing ? { ...answer, ...thing } : answer;
    const region = thing ? thing.box.join(",") : query.region === ALL ? "" : query.region;
    const onSelect = (event, hit, position) => this.select(event, hit, position, answer, this.#api);
    const items = cards(shown.results, this, this.#language, onSelect);
    this.#dialog.showThings(scene, region);
    this.#dialog.showFound({
      ...this.#told(shown, query, !thing && answer.gate),
      items,
      mayShowAnyway: Boolean(shown.left_out) && !shown.results.length,
      words: query.words,
      taken: answer.words,
    });
    this.tell("results", { kind: "photo", results: shown.results, queryId: answer.query_id, words: query.words });
  }

  /** What was found, or why nothing. `gate` is the answer's, false for one of several things: it is of the whole photo. */
  #told({ results, left_out: left }, { words }, gate) {
    const { length } = results;
    const say = (name) => this.#language.say(name);
    if (!length) {
      const message = say(left ? "nothing_similar" : words ? "nothing_fits" : "nothing");
      return { title: say("matches_zero"), message };
    }
    const isGuess = gate && (gate.mode === "unknown" || gate.low_confidence);
    const name = isGuess || length >= MATCHES ? "closest" : "matches";
    return { title: this.#language.count(name, length), message: isGuess ? say("strange_photo") : "" };
  }
}
