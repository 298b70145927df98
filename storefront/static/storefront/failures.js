// The ways in which a call of the API fails, each told in one sentence that a visitor understands.

import { filled } from "./texts.js";

/**
 * A call that brought no answer. `message` is for the visitor. `again` says whether repeating the call may help,
 * `astray` whether the shop lacks what the link asks for. `code` and `detail` are the API's; the latter is for programmers.
 */
export class Failure extends Error {
  constructor(message, { again = false, astray = false, status = 0, code = "", detail = "" } = {}) {
    super(message);
    Object.assign(this, { again, astray, status, code, detail });
  }
}

/** The sentences in English. A language may also have `photo_CODE` and `refused_FIELD`, in place of the API's own. */
export const FAILURES = {
  astray: "This link asks for something the shop does not have.",
  broken: "Something broke in the shop. Try again in a moment.",
  busy: "Many customers search right now. Try again {when}.",
  forbidden: "The shop does not answer this page. Whoever runs the shop has to give the page a key that it may use.",
  in_a_moment: "in a moment",
  in_one_second: "in one second",
  no_product: "The shop has no such product. It may have been taken out of the catalogue.",
  not_explainable: "This shop’s model compares photos as a whole, so it cannot say why they match.",
  number: "If it stays so, tell the shop this number: {id}",
  strange: "The shop gave an answer that this page does not understand.",
  throttled: "That was a lot of searches in a short time. Try again {when}.",
  too_hard: "That is too hard a choice. Leave a thing out.",
  too_large: "That photo is too large. Save it smaller and try again.",
  too_slow: "The shop took too long to answer. Try again in a moment.",
  unavailable: "Searching is not possible right now. Try again {when}.",
  unreachable: "The shop cannot be reached. Check your connection, then try again.",
  used_up: "All searches that the shop pays for are used up. Try again {when}, or search in words.",
};

// The fields of which the API speaks to visitors. Its other messages are for those who write and run programs.
const VISITORS = new Set(["image", "words", "budget", "query_id"]);
const BUSY = ["busy", "decoders_busy"];
const LONG = 3600; // Seconds: who has to wait longer does not wait, so a quota is used up.
const UNITS = [
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
];

/** The failure that a refused call is, in the sentences and the language given. `answer` is its JSON, or null. */
export function refusal(response, answer, texts, language) {
  const { status } = response;
  const errors = answer?.errors ?? [];
  const { code, detail } = errors[0] ?? {};
  const failure = (name, kind) => {
    const message = filled(texts[name], { when: when(response, texts, language) });
    return new Failure(message, { ...kind, status, code, detail });
  };
  const again = true;
  switch (status) {
    case 400: {
      const said = errors
        .filter(({ attr }) => VISITORS.has(attr))
        .map((error) => sentence(error, texts))
        .join(" ");
      return said ? new Failure(said, { status, code, detail }) : failure("astray", { astray: true });
    }
    case 401:
    case 403:
      return failure("forbidden");
    case 404:
      return failure("no_product");
    case 409:
      return failure("not_explainable");
    case 413:
      return failure("too_large");
    case 429:
      return seconds(response) > LONG ? failure("used_up") : failure("throttled", { again });
    case 503:
      if (code === "basket_too_hard") return failure("too_hard");
      return failure(isBusy(response, answer) ? "busy" : "unavailable", { again });
  }
  if (status < 500) return failure("strange", { again });
  const told = failure("broken", { again });
  const id = response.headers.get("X-Request-ID"); // By it the shop finds what went wrong.
  if (id) told.message += ` ${filled(texts.number, { id })}`;
  return told;
}

export function isBusy({ status }, answer) {
  return status === 503 && BUSY.includes(answer?.errors?.[0]?.code);
}

/** How long the shop asks to wait; 0 where it does not say. */
export function seconds(response) {
  return Number(response.headers.get("Retry-After"));
}

function sentence({ attr, code, detail }, texts) {
  return (attr === "image" && texts[`photo_${code}`]) || texts[`refused_${attr}`] || detail;
}

function when(response, texts, language) {
  const wait = seconds(response);
  if (!wait) return texts.in_a_moment;
  if (wait <= 1) return texts.in_one_second;
  const [unit, length] = UNITS.find(([, length]) => wait >= 2 * length) ?? UNITS.at(-1);
  return new Intl.RelativeTimeFormat(language).format(Math.ceil(wait / length), unit);
}
