// Numbers as the page says them.

const PERCENT = new Intl.NumberFormat("en", { style: "percent", maximumFractionDigits: 0 });
const COUNT = new Intl.NumberFormat("en");

export function price({ price, currency }) {
  if (price === null) return "";
  return new Intl.NumberFormat("en", { style: "currency", currency }).format(price);
}

export function percent(share) {
  if (share > 0 && share < 0.01) return "<1%";
  if (share > 0.99 && share < 1) return ">99%";
  return PERCENT.format(share);
}

export function count(number, noun, plural = `${noun}s`) {
  return `${COUNT.format(number)} ${number === 1 ? noun : plural}`;
}

/** Similarities by L2 distance lie close to 0: their leading digits tell them apart. */
export function similarity(value, metric) {
  return metric === "l2" ? value.toPrecision(3) : value.toFixed(2);
}

export function duration(ms) {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** Where the time went: "Found in 71 ms (decode 6, encode 61, gate 1, search 2)". */
export function timings({ total, ...stages }) {
  const parts = Object.entries(stages).map(([stage, ms]) => `${stage} ${Math.round(ms)}`);
  return `Found in ${duration(total)}${parts.length ? ` (${parts.join(", ")})` : ""}`;
}
