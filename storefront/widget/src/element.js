// What both elements have: where their Lamplight is, its key, their language, and what they tell the page.

import { Api } from "../../static/storefront/api.js";
import marks from "../../static/storefront/marks.css";
import own from "../widget.css";
import { Language } from "./languages.js";
import { ENGLISH } from "./texts/english.js";

const HERE = document.currentScript; // None in a module. What visitors write may be an image of this name.
const SCRIPT = HERE instanceof HTMLScriptElement ? HERE.src : "";
const PATIENCE_MS = 10_000; // Until a failure is told: why it failed is then not found out.
const REFUSED = { 401: "refuses the key", 403: "refuses the key" };

let sheet = null;

/** Whether there is a text of this name, in this language or in another that counts otherwise. */
function isName(name) {
  const [, counted] = name.match(/^(\w+)_(?:zero|one|two|few|many)$/) ?? [];
  return name in ENGLISH || `${counted}_other` in ENGLISH || /^(photo|refused)_/.test(name);
}

function addressed(text) {
  try {
    return new URL(text, document.baseURI);
  } catch {
    return null;
  }
}

/** One style sheet for all elements. A policy of the page against styles in place does not forbid a constructed one. */
function styles() {
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(marks + own);
  }
  return sheet;
}

/** What both elements hear of. */
export const ATTRIBUTES = ["api", "publishable-key", "key", "lang", "link"];

export class LamplightElement extends HTMLElement {
  #ownTexts = {};
  #due = false;
  #made = ""; // All that the last rendering was made of.

  constructor() {
    super();
    this.attachShadow({ mode: "open" }).adoptedStyleSheets = [styles()];
  }

  /** The shop's own sentences by their names (texts/english.js), in place of the widget's. */
  get texts() {
    return this.#ownTexts;
  }

  set texts(texts) {
    this.#ownTexts = { ...texts };
    this.#renew();
  }

  connectedCallback() {
    if (Object.hasOwn(this, "texts")) {
      // They were set before the script made the element what it is.
      const { texts } = this;
      delete this.texts;
      this.texts = texts;
    }
    this.#renew();
    // What the page writes into the element may come after it.
    if (document.readyState === "loading")
      document.addEventListener("DOMContentLoaded", () => this.#renew(), { once: true });
  }

  /** A page that moves it (moveBefore) keeps all that shows. */
  connectedMoveCallback() {
    this.#renew();
  }

  attributeChangedCallback(name, before, after) {
    if (before !== after) this.#renew();
  }

  /** Have `render` called once for all changes of a moment. */
  #renew() {
    if (this.#due || !this.isConnected) return;
    this.#due = true;
    queueMicrotask(() => this.settle());
  }

  /** Have `render` called for what has changed until now; not if that is nothing. */
  settle() {
    if (!this.#due) return;
    this.#due = false;
    if (!this.isConnected) return;
    const given = this.constructor.observedAttributes.map((name) => this.getAttribute(name));
    const made = JSON.stringify([given, this.#wanted, this.#ownTexts, this.#written, document.baseURI]);
    if (made === this.#made) return;
    this.#made = made;
    this.render();
  }

  /** Have the next connection render anew: what was being made is not whole. */
  unmake() {
    this.#made = "";
  }

  get #wanted() {
    return this.closest("[lang]")?.lang || document.documentElement.lang || "en";
  }

  get #written() {
    return this.querySelector(':scope > script[type="application/json"]')?.textContent ?? "";
  }

  /** The element's language: its own, that of what it stands in, or English. */
  language() {
    const own = { ...this.#writtenTexts(), ...this.#ownTexts };
    const unknown = Object.keys(own).filter((name) => typeof own[name] !== "string" || !isName(name));
    if (unknown.length) this.warn(`it has no such texts: ${unknown.join(", ")}`);
    for (const name of unknown) delete own[name];
    return new Language(this.#wanted, own);
  }

  /** The sentences in a <script type="application/json"> within the element, which no policy of the page forbids. */
  #writtenTexts() {
    if (!this.#written) return {};
    try {
      return JSON.parse(this.#written);
    } catch (error) {
      this.warn(`the texts within the element are no JSON: ${error.message}`);
      return {};
    }
  }

  /** The address of Lamplight: that of `api`, or where the script came from. */
  get origin() {
    const given = this.getAttribute("api");
    if (!given && !SCRIPT) this.warn("the attribute api is missing: set it to the address of Lamplight");
    const url = given ? addressed(given) : addressed(SCRIPT || "/");
    if (!url) this.warn(`the attribute api is no address: ${given}`);
    return url ? url.origin + (given ? url.pathname.replace(/\/+$/, "") : "") : location.origin;
  }

  /** The key: that of `publishable-key`, or of `key`, a name that some frameworks keep for themselves. */
  get #key() {
    return this.getAttribute("publishable-key") || this.getAttribute("key") || "";
  }

  connection({ texts, tag }) {
    return new Api({ origin: this.origin, key: this.#key, texts, language: tag });
  }

  /** The address of a product's page: by the attribute `link`, or the product's own; "" if there is none. */
  addressOf({ sku, url }) {
    const address = this.getAttribute("link")?.replaceAll("{sku}", encodeURIComponent(sku)) ?? url;
    const { protocol, href } = (address && addressed(address)) || {};
    return ["http:", "https:"].includes(protocol) ? href : "";
  }

  /** Tell the page. Returns whether the page lets the widget go on. */
  tell(name, detail = {}, cancelable = true) {
    return this.dispatchEvent(
      new CustomEvent(`lamplight:${name}`, { detail, bubbles: true, composed: true, cancelable }),
    );
  }

  /**
   * Tell the page that a product was chosen, and Lamplight that it was opened. A page that goes there itself says so;
   * not where the visitor has the browser open it elsewhere, in a tab or a window.
   */
  select(event, { product }, position, { query_id: queryId }, api) {
    if (queryId) api.report({ query_id: queryId, kind: "click", sku: product.sku, position });
    const isElsewhere = event.button === 1 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey;
    const url = this.addressOf(product);
    const goes = this.tell("select", { product, sku: product.sku, url, position, queryId }, !(url && isElsewhere));
    if (!goes) event.preventDefault();
  }

  /** What a visitor is told of a failure, and whether to try again. What only the shop can mend is told in the console. */
  async explain(failure, language) {
    const { status, code, detail, message, again, astray } = failure;
    this.tell("error", { status, code, message, detail });
    if (status in REFUSED) this.warn(`${this.origin} ${REFUSED[status]}: ${detail}`);
    if (astray) this.warn(`${this.origin} cannot do what is asked: ${detail}`);
    if (code !== "unreachable") return { message, again };
    if (!navigator.onLine) return { message: language.say("offline"), again };
    if (!(await this.#isRefused())) return { message, again };
    this.warn(`${this.origin} answers no page of ${location.origin}: add this origin to the key's`);
    return { message: language.say("forbidden"), again: false };
  }

  /**
   * Whether Lamplight is there, and lets no page of this origin read what it says. A browser tells that apart from a
   * connection that broke by two answers only: one that pages of the key's origins may read, and one that all may.
   */
  async #isRefused() {
    const headers = this.#key ? { Authorization: `Bearer ${this.#key}` } : {};
    if (await this.#reads("/api/v1/search/", { headers })) return false; // A refusal of the method, but readable.
    return Boolean((await this.#reads("/widget.js", { method: "HEAD" }))?.ok);
  }

  /** The answer to a request, null if this page cannot read it. */
  async #reads(path, options) {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    return fetch(this.origin + path, { credentials: "omit", cache: "no-store", signal, ...options }).catch(() => null);
  }

  warn(told) {
    console.warn(`<${this.localName}>: ${told}.`);
  }
}
