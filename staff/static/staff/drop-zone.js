// Shows and checks photos dropped on the product form. They can be taken back before anything is sent.
// The form sends the file input, so it works without this script.

const MB = 1_000_000;

function arrange(zone) {
  const input = zone.querySelector("input");
  const list = zone.querySelector(".drop-zone-chosen");
  const status = zone.querySelector(".drop-zone-status");
  const limits = { each: +zone.dataset.each, together: +zone.dataset.together, count: +zone.dataset.count };
  let chosen = [];
  let refused = [];
  input.hasChangeListener = true; // Otherwise Unfold looks for a text field, as beside its own file inputs.
  zone.classList.add("is-live");

  function add(files) {
    refused = [];
    const before = chosen.length;
    for (const file of files) {
      const why = objection(file, chosen, input.accept, limits);
      if (why) refused.push(`${file.name}: ${why}`);
      else if (!chosen.some((other) => isSame(other, file))) chosen.push(file);
    }
    put();
    takeBackUnreadable(chosen.slice(before));
  }

  // The server would refuse the whole form for one such photo, and the browser would forget the others.
  async function takeBackUnreadable(files) {
    for (const file of files) {
      if (await isReadable(file)) continue;
      chosen = chosen.filter((other) => other !== file);
      refused.push(`${file.name}: this photo is damaged, or in a format that cannot be read.`);
      put();
    }
  }

  function put() {
    const data = new DataTransfer();
    for (const file of chosen) data.items.add(file);
    input.files = data.files;
    list.replaceChildren(...chosen.map((file) => tile(file, () => {
      chosen = chosen.filter((other) => other !== file);
      refused = [];
      put();
      input.focus();
    })));
    const said = refused.map((text) => paragraph(text, "refused"));
    if (chosen.length) said.unshift(paragraph(summary(chosen)));
    status.replaceChildren(...said);
  }

  input.addEventListener("change", () => add([...input.files]));
  // The whole page takes photos: one that misses the zone would otherwise open in place of the form.
  document.addEventListener("dragover", (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    zone.classList.add("is-over");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) zone.classList.remove("is-over");
  });
  document.addEventListener("drop", (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    zone.classList.remove("is-over");
    add([...event.dataTransfer.files]);
    zone.scrollIntoView({ block: "nearest" });
  });
}

function objection(file, chosen, accept, limits) {
  // Some systems know no type for AVIF. The server finds out what such a file holds.
  if (file.type && !accept.split(",").includes(file.type)) return "this is no photo that can be shown on a page.";
  if (!file.size) return "this file is empty.";
  if (file.size > limits.each) return `${size(file.size)}; a photo has at most ${size(limits.each)}.`;
  if (chosen.length >= limits.count) return `a product has at most ${limits.count} photos.`;
  if (total(chosen) + file.size > limits.together - MB)
    return `this would be more than ${size(limits.together)} together. Save the product, then add it.`;
  return "";
}

// The shop reads AVIF and HEIC, but not every browser does.
async function isReadable(file) {
  if (/^image\/(avif|hei[cf])$/.test(file.type) || /\.(avif|hei[cf]|hif)$/i.test(file.name)) return true;
  try {
    (await createImageBitmap(file)).close();
    return true;
  } catch {
    return false;
  }
}

function isSame(one, other) {
  return one.name === other.name && one.size === other.size && one.lastModified === other.lastModified;
}

function tile(file, remove) {
  const item = document.createElement("li");
  const image = document.createElement("img");
  const url = URL.createObjectURL(file);
  image.alt = "";
  image.addEventListener("load", () => URL.revokeObjectURL(url));
  image.addEventListener("error", () => URL.revokeObjectURL(url));
  image.src = url;
  const name = document.createElement("span");
  name.textContent = file.name;
  name.title = file.name;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "×";
  button.setAttribute("aria-label", `Take back ${file.name}`);
  button.addEventListener("click", remove);
  item.append(image, name, button);
  return item;
}

function paragraph(text, kind = "") {
  const made = document.createElement("p");
  made.textContent = text;
  made.className = kind;
  return made;
}

function summary(files) {
  return `${files.length} ${files.length === 1 ? "photo" : "photos"}, ${size(total(files))}, added when you save.`;
}

function total(files) {
  return files.reduce((sum, file) => sum + file.size, 0);
}

function size(bytes) {
  if (bytes < MB / 10) return `${Math.ceil(bytes / 1000)} KB`;
  return `${(bytes / MB).toFixed(bytes < 10 * MB ? 1 : 0)} MB`;
}

for (const zone of document.querySelectorAll(".drop-zone")) arrange(zone);
