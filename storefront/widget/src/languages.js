// Which language an element speaks, and its sentences.

import { filled } from "../../static/storefront/texts.js";
import { GERMAN } from "./texts/german.js";
import { ENGLISH } from "./texts/english.js";
import { FRENCH } from "./texts/french.js";
import { SPANISH } from "./texts/spanish.js";

const LANGUAGES = { de: GERMAN, en: ENGLISH, es: SPANISH, fr: FRENCH };

// Only some browsers say it themselves.
const FROM_RIGHT = new Set(["ar", "ckb", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"]);

/** A language's sentences, with the shop's own in their place, and its tag for numbers and prices. */
export class Language {
  /** `wanted` is a tag such as "de-AT". In one that the widget does not speak the shop's own sentences may be. */
  constructor(wanted, own = {}) {
    const known = canonical(wanted.replaceAll("_", "-")); // Some shops write "de_AT".
    const short = wanted.slice(0, 2).toLowerCase();
    const isSpoken = short in LANGUAGES;
    this.tag = known && (isSpoken || Object.keys(own).length) ? known : "en";
    this.direction = FROM_RIGHT.has(new Intl.Locale(this.tag).language) ? "rtl" : "ltr";
    this.texts = { ...ENGLISH, ...LANGUAGES[short], ...own };
  }

  /** The sentence of this name with its places filled. */
  say(name, values = {}) {
    return filled(this.texts[name], values);
  }

  /** The sentence about so many: `matches_one`, `matches_other`, ... as the language counts. */
  count(name, number) {
    const form = new Intl.PluralRules(this.tag).select(number);
    const count = new Intl.NumberFormat(this.tag).format(number);
    return filled(this.texts[`${name}_${form}`] ?? this.texts[`${name}_other`], { count });
  }

  /** Several texts as one: "A, B and C". */
  list(texts) {
    return new Intl.ListFormat(this.tag).format(texts);
  }
}

/** The tag as browsers write it; "" if it is none. */
function canonical(tag) {
  try {
    return Intl.getCanonicalLocales(tag)[0] ?? "";
  } catch {
    return "";
  }
}
