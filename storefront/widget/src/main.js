// The elements that the script gives a page. A page that loads it twice keeps the first.

import { LamplightSearch } from "./search.js";
import { LamplightSimilar } from "./similar.js";

const ELEMENTS = { "lamplight-search": LamplightSearch, "lamplight-similar": LamplightSimilar };
for (const [name, made] of Object.entries(ELEMENTS)) if (!customElements.get(name)) customElements.define(name, made);
