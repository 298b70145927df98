// <lamplight-similar>: a row of the products most similar to one. Nothing shows where there are none.

import { element } from "../../static/storefront/dom.js";
import { Failure } from "../../static/storefront/failures.js";
import { NO_FILTERS } from "../../static/storefront/query.js";
import { cards } from "./cards.js";
import { ATTRIBUTES, LamplightElement } from "./element.js";
import { iconButton, made } from "./made.js";

const LIMIT = 12;

export class LamplightSimilar extends LamplightElement {
  static observedAttributes = [...ATTRIBUTES, "heading", "limit", "sku"];
  #call = null; // The AbortController of the question under way.

  async render() {
    this.#call?.abort();
    this.#call = new AbortController();
    const { signal } = this.#call;
    const sku = this.getAttribute("sku");
    if (!sku) return this.#show([]);
    const language = this.language();
    const api = this.connection(language);
    const limit = Number(this.getAttribute("limit")) || LIMIT;
    try {
      const answer = await api.similar({ of: sku, filters: NO_FILTERS }, signal, limit);
      if (signal.aborted) return;
      this.#call = null;
      const { results, query_id: queryId } = answer;
      const onSelect = (event, hit, position) => this.select(event, hit, position, answer, api);
      this.#show(cards(results, this, language, onSelect), language);
      this.tell("results", { kind: "similar", results, queryId });
    } catch (error) {
      if (signal.aborted) return;
      this.#show([]);
      if (!(error instanceof Failure)) throw error;
      await this.explain(error, language);
    }
  }

  disconnectedCallback() {
    if (this.#call) this.unmake();
    this.#call?.abort();
  }

  /** Show a row. The attribute `filled` tells the page's styles whether there is one. */
  #show(items, language) {
    this.toggleAttribute("filled", items.length > 0);
    if (!items.length) return this.shadowRoot.replaceChildren();
    const list = made("ul", "row", { role: "list" }, ...items);
    const heading = this.getAttribute("heading") ?? language.say("similar");
    const title = heading ? made("h2", "heading", { id: "heading", dir: "auto" }, heading) : "";
    const head = made("div", "head", {}, title, ...scrollers(list, language));
    const section = element("section", { lang: language.tag }, head, list);
    if (heading) section.setAttribute("aria-labelledby", "heading");
    else section.setAttribute("aria-label", language.say("similar"));
    this.shadowRoot.replaceChildren(section);
  }
}

/** Buttons that scroll a row by what shows of it, where it is longer. Keys and fingers do without. */
function scrollers(list, language) {
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const sign = () => (getComputedStyle(list).direction === "rtl" ? -1 : 1); // Of the way to what comes next.
  const turn = (direction) => () => {
    const behavior = calm.matches ? "instant" : "smooth";
    list.scrollBy({ left: sign() * direction * list.clientWidth * 0.9, behavior });
  };
  const buttons = ["previous", "next"].map((name, place) =>
    iconButton("scroller", name, language.say(name), turn(2 * place - 1)),
  );
  const see = () => {
    const room = list.scrollWidth - list.clientWidth;
    const gone = Math.abs(list.scrollLeft); // Negative where one reads from right to left.
    for (const one of buttons) {
      one.hidden = room < 2;
      one.classList.toggle("turned", sign() < 0);
    }
    [buttons[0].disabled, buttons[1].disabled] = [gone < 2, gone > room - 2];
  };
  list.addEventListener("scroll", see, { passive: true });
  new ResizeObserver(see).observe(list);
  return buttons;
}
