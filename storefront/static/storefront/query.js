// A query is what is looked for. It is read from an address of the shop, or written as one; only this file knows how.
//
//   /?q=oak+chair               in words; with an empty q, all products
//   /?like=LAM-004&photo=12     like a product, or like one of its photos
//   /?sample=LAM-004.webp       like a sample photo
//   /?by=photo                  like the visitor's own photo, which is in no link
//   /products/LAM-004/          one product
//
// Searches take category, anyway, and the filters: price_min, price_max, in_stock, attributes, and bounds of what is
// measured, such as width_cm_max. A search by a photo also takes words, what shall differ from it, and region, a part of
// it, or thing, the number of one of the things seen in it.

export const SINGLE = ["price_min", "price_max", "in_stock"];
export const NO_FILTERS = Object.freeze({ price_min: "", price_max: "", in_stock: "", attributes: [], numbers: {} });
const BOUND = /^[a-z][a-z0-9_]*_(min|max)$/;

/** A change that takes off all that narrows a search. */
export const BARE = Object.freeze({ photo: "", words: "", region: "", thing: "", category: "", filters: NO_FILTERS });

/** A query: `kind` is start, words, like, sample, photo or product; `of` is the words, sku or sample's name. */
export function read({ pathname, search }) {
  const given = new URLSearchParams(search);
  const product = pathname.match(/^\/products\/([^/]+)\/$/);
  if (product) return { kind: "product", of: decoded(product[1]), filters: NO_FILTERS };
  const [kind, of] = subject(given);
  const filters = Object.fromEntries(SINGLE.map((name) => [name, given.get(name) ?? ""]));
  return {
    kind,
    of,
    photo: given.get("photo") ?? "",
    words: takesWords({ kind }) ? (given.get("words") ?? "").trim() : "",
    region: given.get("region") ?? "",
    thing: given.get("thing") ?? "",
    category: given.get("category") ?? "",
    anyway: given.has("anyway"),
    filters: { ...filters, attributes: given.getAll("attributes"), numbers: bounds(given) },
  };
}

function bounds(given) {
  const others = [...given].filter(([name, value]) => BOUND.test(name) && !SINGLE.includes(name) && value.trim());
  return Object.fromEntries(others);
}

/** Whether words beside what is searched with say what shall differ. */
export const takesWords = ({ kind }) => kind === "photo" || kind === "sample";

/** The decoded text. It stays as it is if it encodes nothing: then there is no such product. */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function subject(given) {
  if (given.has("like")) return ["like", given.get("like")];
  if (given.has("sample")) return ["sample", given.get("sample")];
  if (given.has("by")) return ["photo", ""];
  if (given.has("q") || given.has("category")) return ["words", (given.get("q") ?? "").trim()];
  return ["start", ""];
}

const NAMES = { words: "q", like: "like", sample: "sample" };

export function address({ kind, of, photo, words, region, thing, category, anyway, filters }) {
  if (kind === "start") return "/";
  if (kind === "product") return `/products/${encodeURIComponent(of)}/`;
  const given = new URLSearchParams(kind === "photo" ? { by: "photo" } : { [NAMES[kind]]: of });
  for (const [name, value] of Object.entries({ photo, words, region, thing, category })) if (value) given.append(name, value);
  if (anyway) given.append("anyway", "1");
  for (const [name, value] of parameters(filters)) given.append(name, value);
  return `/?${given}`;
}

/** The filters as the API takes them: pairs of name and value. */
export function parameters(filters = NO_FILTERS) {
  return [
    ...SINGLE.filter((name) => filters[name]).map((name) => [name, filters[name]]),
    ...filters.attributes.map((pair) => ["attributes", pair]),
    ...Object.entries(filters.numbers),
  ];
}

export function words(of, category = "") {
  return { kind: "words", of, category, filters: NO_FILTERS };
}

export function ownPhoto(words) {
  return { kind: "photo", of: "", words, filters: NO_FILTERS };
}

export function like(sku, photo = "") {
  return { kind: "like", of: sku, photo, filters: NO_FILTERS };
}

export function product(sku) {
  return { kind: "product", of: sku, filters: NO_FILTERS };
}
