// A photo's look-alikes, then words: node dist/examples/search.js http://127.0.0.1:8000 photo.jpg
import { readFile } from "node:fs/promises";
import { createLamplight, type Schemas } from "../src/index.js";

const [baseUrl = "http://127.0.0.1:8000", file = "../../demo/queries/BED-017.webp"] = process.argv.slice(2);
const lamplight = createLamplight({ baseUrl });

function line(product: Schemas["MatchedProduct"], score: number): string {
  return `${score.toFixed(2)}  ${product.sku}  ${product.name}  ${product.price ?? "-"} ${product.currency}`;
}

const { data: answer, error } = await lamplight.POST("/api/v1/search/", {
  body: { image: new Blob([await readFile(file)]), limit: 3, attributes: ["color:black", "color:oak"] },
});
if (error) {
  console.error(error.errors.map((one) => `${one.attr ?? "request"}: ${one.detail}`).join("\n"));
  process.exit(1);
}
console.log(`Seen as ${answer.gate.categories[0]?.name ?? "nothing"}`);
for (const { product, similarity } of answer.results) console.log(line(product, similarity));

const { data: found } = await lamplight.GET("/api/v1/search/text/", {
  params: { query: { q: "oak cha", mode: "words", in_stock: true, facets: true } },
});
console.log(`Oak chairs: ${found?.count ?? 0}`);
for (const { product, rank, highlight } of found?.results ?? []) {
  const name = highlight.name.map(({ text, match }) => (match ? `[${text}]` : text)).join("");
  console.log(line({ ...product, name }, rank));
}
