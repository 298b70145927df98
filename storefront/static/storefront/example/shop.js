// What a shop's own server would write into its page: the product. The widget is in no need of this script.

const product = document.getElementById("product");
const { sku, key } = product.dataset;
const headers = key ? { Authorization: `Bearer ${key}` } : {};
const response = await fetch(`/api/v1/products/${encodeURIComponent(sku)}/`, { headers, credentials: "omit" });
const found = response.ok ? await response.json() : null;
product.hidden = !found;
document.getElementById("missing").hidden = Boolean(found);
if (found) {
  const texts = { kind: found.category, name: found.name, text: found.description };
  for (const [id, text] of Object.entries(texts)) document.getElementById(id).textContent = text;
  const price = new Intl.NumberFormat("en", { style: "currency", currency: found.currency }).format(found.price);
  document.getElementById("price").textContent = found.price === null ? "" : price;
  const photo = document.getElementById("photo");
  if (found.photos.length) photo.src = found.photos[0].file;
  photo.alt = found.name;
  document.title = `${found.name}: Nordholm, an example shop`;
}
// As a shop would count what the widget does, or put a product into the cart.
document.addEventListener("lamplight:select", ({ detail }) => console.debug("chosen", detail.sku, detail.position));
