// What both elements have: where their Lamplight is, its key, their language, and what they tell the page.

import { Api } from "../../static/storefront/api.js";
import marks from "../../static/storefront/marks.css";
import own from "../widget.css";
import { Language } from "./languages.js";
import { ENGLISH } from "./texts/english.js";

const SCRIPT = document.currentScript?.src; // None in a module.
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

export class LamplightElement extends HTMLElement {
  static observedAttributes = ["api", "heading", "key", "lang", "limit", "link", "sku"];
  #ownTexts = {};
  #due = false;

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

  attributeChangedCallback(name, before, after) {
    if (before !== after) this.#renew();
  }

  /** Have `render` called once for all changes of a moment. */
  #renew() {
    if (this.#due || !this.isConnected) return;
    this.#due = true;
    queueMicrotask(() => {
      this.#due = false;
      if (this.isConnected) this.render();
    });
  }

  /** The element's language: its own, that of what it stands in, or English. */
  language() {
    const wanted = this.closest("[lang]")?.lang || document.documentElement.lang || "en";
    const own = { ...this.#writtenTexts(), ...this.#ownTexts };
    const unknown = Object.keys(own).filter((name) => typeof own[name] !== "string" || !isName(name));
    if (unknown.length) this.warn(`it has no such texts: ${unknown.join(", ")}`);
    for (const name of unknown) delete own[name];
    return new Language(wanted, own);
  }

  /** The sentences in a <script type="application/json"> within the element, which no policy of the page forbids. */
  #writtenTexts() {
    const written = this.querySelector(':scope > script[type="application/json"]')?.textContent;
    if (!written) return {};
    try {
      return JSON.parse(written);
    } catch (error) {
      this.warn(`the texts within the element are no JSON: ${error.message}`);
      return {};
    }
  }

  /** The address of Lamplight: that of `api`, or where the script came from. */
  get origin() {
    const given = this.getAttribute("api");
    if (!given && !SCRIPT) this.warn("the attribute api is missing: set it to the address of Lamplight");
    const url = given ? addressed(given) : addressed(SCRIPT ?? "/");
    if (!url) this.warn(`the attribute api is no address: ${given}`);
    return url ? url.origin + (given ? url.pathname.replace(/\/+$/, "") : "") : location.origin;
  }

  connection({ texts, tag }) {
    return new Api({ origin: this.origin, key: this.getAttribute("key") ?? "", texts, language: tag });
  }

  /** The address of a product's page: by the attribute `link`, or the product's own; "" if there is none. */
  addressOf({ sku, url }) {
    const address = this.getAttribute("link")?.replaceAll("{sku}", encodeURIComponent(sku)) ?? url;
    const { protocol, href } = (address && addressed(address)) || {};
    return ["http:", "https:"].includes(protocol) ? href : "";
  }

  /** Tell the page. Returns whether the page lets the widget go on. */
  tell(name, detail = {}) {
    return this.dispatchEvent(
      new CustomEvent(`lamplight:${name}`, { detail, bubbles: true, composed: true, cancelable: true }),
    );
  }

  /** Tell the page that a product was chosen, and Lamplight that it was opened. A page that goes there itself says so. */
  select(event, { product }, position, { query_id: queryId }, api) {
    if (queryId) api.report({ query_id: queryId, kind: "click", sku: product.sku, position });
    const goes = this.tell("select", { product, sku: product.sku, url: this.addressOf(product), position, queryId });
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
    if (!(await this.#answers())) return { message, again };
    // It is there, and lets no page of this origin read what it says.
    this.warn(`${this.origin} answers no page of ${location.origin}: add this origin to the key's`);
    return { message: language.say("forbidden"), again: false };
  }

  /** Whether Lamplight can be reached at all. */
  async #answers() {
    try {
      await fetch(`${this.origin}/widget.js`, {
        method: "HEAD",
        mode: "no-cors",
        credentials: "omit",
        cache: "no-store",
      });
      return true;
    } catch {
      return false;
    }
  }

  warn(told) {
    console.warn(`<${this.localName}>: ${told}.`);
  }
}
