// The elements that the script gives a page. A page that loads it twice keeps the first.

import { LamplightSearch } from "./search.js";
import { LamplightSimilar } from "./similar.js";

// A browser that lacks this would search without an end. There the page is as if it had no widget.
const IS_ABLE = "any" in AbortSignal;
const ELEMENTS = { "lamplight-search": LamplightSearch, "lamplight-similar": LamplightSimilar };
for (const [name, made] of Object.entries(ELEMENTS))
  if (IS_ABLE && !customElements.get(name)) customElements.define(name, made);
