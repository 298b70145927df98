// Sentences with places to fill, so that they can be in any language.

/** A text with its places filled: "{count} matches" with `{ count: 3 }` is "3 matches". */
export function filled(text, values) {
  return text.replace(/\{(\w+)\}/g, (place, name) => values[name] ?? place);
}
