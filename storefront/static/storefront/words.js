// Numbers as the page says them.

const COUNT = new Intl.NumberFormat("en");

export function price({ price, currency }, language = "en") {
  if (price === null) return "";
  return new Intl.NumberFormat(language, { style: "currency", currency }).format(price);
}

export function percent(share, language = "en") {
  const format = new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 0 });
  if (share > 0 && share < 0.01) return `<${format.format(0.01)}`;
  if (share > 0.99 && share < 1) return `>${format.format(0.99)}`;
  return format.format(share);
}

export function number(value) {
  return COUNT.format(value);
}

export function count(number, noun, plural = `${noun}s`) {
  return `${COUNT.format(number)} ${number === 1 ? noun : plural}`;
}

/** Similarities by L2 distance lie close to 0: their leading digits tell them apart. */
export function similarity(value, metric) {
  return metric === "l2" ? value.toPrecision(3) : value.toFixed(2);
}

/**
 * A similarity in words, compared with the best of its answer. By itself it says little: 0.7 is close for one model and
 * far for another. No word fits similarities of distances, or of an untrained model.
 */
export function likeness(value, best, { metric, weights }) {
  if (metric !== "cosine" || weights === "random" || best <= 0) return "similarity";
  if (value >= 0.98) return "nearly the same";
  if (value === best) return "the closest";
  if (value >= 0.93 * best) return "about as close";
  if (value >= 0.75 * best) return "further off";
  return "far off";
}

export function duration(ms) {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** Where the time went: "Found in 71 ms", "(decode 6, encode 61, gate 1, search 2)". */
export function timings({ total, ...stages }) {
  const parts = Object.entries(stages).map(([stage, ms]) => `${stage} ${Math.round(ms)}`);
  return [`Found in ${duration(total)}`, parts.length ? ` (${parts.join(", ")})` : ""];
}

const UNITS = /_(mm|cm|m|in|g|kg|l|w|v|lm|k)$/i;

/** The name of an attribute, as a label: "width_cm" is "Width (cm)". */
export function attribute(name) {
  const label = name.replace(UNITS, " ($1)").replace(/_/g, " ");
  return label.charAt(0).toUpperCase() + label.slice(1);
}

/** The value of an attribute. */
export function value(value) {
  if (value === true) return "Yes";
  if (value === false) return "No";
  return String(value);
}

/** Both ends of a range, or the one that is set; without a currency where it is not known. */
export function range(lowest, highest, currency = "", name = "Price") {
  const ends = lowest && highest ? `${lowest} to ${highest}` : lowest ? `from ${lowest}` : `up to ${highest}`;
  return `${name} ${ends} ${currency}`.trim();
}
