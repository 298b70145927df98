// A scene: a photo that holds several things, each with its box and its matches. They are counted from 1.

const FILLS = 0.5; // A single thing that takes more of the photo than this makes it no scene.
const LIKELY = 0.15; // Things less likely than this wait behind a button (python -m benchmarks.rooms).
const FEW = 4; // So many show where nobody knows how likely they are.

/**
 * The scene that an entry shows, or that the region it shows is part of: its `answer`, the `things` that are shown, their
 * `names`, how many `more` there are, and the number of the `chosen` one, 0 for none. Without a scene there are no things
 * and the answer is null. `unnamed` is what a thing without a category is called.
 */
export function sceneOf({ query, answer, whole, categories, unnamed = "thing" }) {
  const seen = query.region ? whole?.answer : answer;
  const all = thingsIn(seen);
  if (!all.length) return { answer: null, things: [], names: [], more: 0, chosen: 0 };
  const chosen = query.region ? 0 : numbered(query.thing, all.length);
  const count = Math.max(1, all.filter(isLikely).length, chosen, seen.unfolded ?? 0);
  const things = all.slice(0, count);
  return { answer: seen, things, names: names(things, categories, unnamed), more: all.length - count, chosen };
}

/** The things whose groups show: none beside the results of one search. */
export const shownThings = (entry) => (entry.query.region ? [] : sceneOf(entry).things);

/** Show all things of an answer from now on. */
export function unfold(answer) {
  answer.unfolded = answer.objects.length;
}

/**
 * The things in the photo that an answer is about, none where it was searched as one. The likely ones come first, the
 * best of them before the others. `index` is their place in the answer.
 */
function thingsIn(answer) {
  const found = (answer?.objects ?? []).map((thing, index) => ({ ...thing, index }));
  const likely = found.filter(isLikely);
  const [, , width, height] = (likely[0] ?? found[0])?.box ?? [0, 0, 1, 1];
  if (likely.length < 2 && width * height >= FILLS) return [];
  return [...likely, ...found.filter((thing) => !isLikely(thing))];
}

function isLikely({ confidence, index }) {
  return confidence === null ? index < FEW : confidence >= LIKELY;
}

function numbered(thing, count) {
  const number = Number(thing);
  return Number.isInteger(number) && number >= 1 && number <= count ? number : 0;
}

/** The names of the things: "Lamp", or "Lamp 1" and "Lamp 2" where a category comes twice. */
function names(things, categories, unnamed) {
  const known = new Map(categories.map(({ slug, name }) => [slug, name]));
  const all = things.map(({ category }) => capital(known.get(category) ?? category ?? unnamed));
  return all.map((name, place) => {
    if (all.indexOf(name) === all.lastIndexOf(name)) return name;
    return `${name} ${all.slice(0, place + 1).filter((other) => other === name).length}`;
  });
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
