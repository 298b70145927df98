// The words beside a photo without the parts that were taken for a condition which is taken off.

// What led to a part that is gone.
const DANGLING = /^[\s,;.]+|(?:[\s,;]*(?<![\p{L}\p{N}])(?:and|or|but|in|with)(?![\p{L}\p{N}]))*[\s,;]*$/giu;

/** The words without these parts; none where nothing that says something would be left. `taken` is the answer's `words`. */
export function left(words, { understood, ranked_by: rest, not_understood: unread }, spans) {
  const said = understood.length + unread.length + Number(Boolean(rest));
  if (said < 2) return "";
  const letters = Array.from(words); // Code points, as the answer counts them.
  const remaining = letters.filter((_, place) => !spans.some(([start, end]) => start <= place && place < end)).join("");
  return remaining.replace(/\s+/g, " ").replace(/ (?=[,;.!?])/g, "").replace(/,+/g, ",").replace(DANGLING, "");
}

/** Where the words stand that rank by their meaning. */
export const ranking = (words, rest) => rest.split(" ").flatMap((word) => found(words, word));

/** Where a word first stands by itself, and not within a longer one. */
function found(text, word) {
  const escaped = word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const first = new RegExp(`(?<![\\p{L}\\p{N}])${escaped}(?![\\p{L}\\p{N}])`, "u").exec(text);
  if (!first) return [];
  const start = Array.from(text.slice(0, first.index)).length;
  return [[start, start + Array.from(word).length]];
}
