// The dots on the things in a photo, far enough apart for fingers.

import { element } from "./dom.js";

const APART = 30; // Pixels between two dots, so that a finger meets one of them.

/** The items of a list of dots, one for each thing. `labels` are what they are called, `chosen` is a number from 1. */
export function dots(things, labels, chosen) {
  return things.map(({ box: [x, y, width, height] }, place) => {
    const dot = element("button", { type: "button", className: "dot", ariaPressed: String(place + 1 === chosen) });
    dot.id = `dot-${place + 1}`;
    dot.textContent = place + 1;
    dot.dataset.thing = place + 1;
    dot.setAttribute("aria-label", labels[place]);
    const item = element("li", {}, dot);
    Object.assign(item.dataset, { x: x + width / 2, y: y + height / 2 });
    return item;
  });
}

/** Put the dots of a list in the middle of their things, as far apart as fingers need. `frame` is the photo's. */
export function spread(frame, list) {
  const { clientWidth: width, clientHeight: height } = frame;
  if (!width || !height) return;
  const items = [...list.children];
  const points = items.map(({ dataset }) => [dataset.x * width, dataset.y * height]);
  for (let turn = 0; turn < 20; turn += 1) {
    for (const [place, one] of points.entries()) {
      for (const other of points.slice(0, place)) push(one, other);
      one[0] = Math.min(Math.max(one[0], APART / 2), width - APART / 2);
      one[1] = Math.min(Math.max(one[1], APART / 2), height - APART / 2);
    }
  }
  for (const [place, { style }] of items.entries()) {
    style.left = `${(points[place][0] / width) * 100}%`;
    style.top = `${(points[place][1] / height) * 100}%`;
  }
}

/** Push two points apart until they are APART, each by half. */
function push(one, other) {
  const [across, down] = [one[0] - other[0], one[1] - other[1]];
  const far = Math.hypot(across, down);
  if (far >= APART) return;
  const [right, below] = far ? [across / far, down / far] : [0, 1];
  const step = (APART - far) / 2;
  one[0] += right * step;
  one[1] += below * step;
  other[0] -= right * step;
  other[1] -= below * step;
}
