// Drawings, made without a line of HTML: a page may forbid that (Trusted Types).

const SVG = "http://www.w3.org/2000/svg";
const PATHS = {
  camera: ["M4 8h3l2-3h6l2 3h3v11H4z", "M15.6 13a3.6 3.6 0 1 1-7.2 0 3.6 3.6 0 0 1 7.2 0z"],
  close: ["m6 6 12 12", "M18 6 6 18"],
  search: ["M16.5 10.5a6 6 0 1 1-12 0 6 6 0 0 1 12 0z", "m15 15 5 5"],
  previous: ["m14 6-6 6 6 6"],
  next: ["m10 6 6 6-6 6"],
};

export function icon(name) {
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("viewBox", "0 0 24 24");
  drawing.setAttribute("aria-hidden", "true");
  for (const d of PATHS[name]) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    drawing.append(path);
  }
  return drawing;
}
