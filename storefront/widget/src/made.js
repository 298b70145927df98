// Elements with the parts that a shop styles.

import { element } from "../../static/storefront/dom.js";
import { icon } from "./icons.js";

/** An element of a class, with these properties and children. Its class names the part that a page's styles reach. */
export function made(tag, className, properties = {}, ...children) {
  const one = element(tag, { className, ...properties }, ...children);
  if (className) one.setAttribute("part", className);
  return one;
}

export function button(className, text, onClick) {
  const one = made("button", className, { type: "button" }, text);
  one.addEventListener("click", onClick);
  return one;
}

/** A button with a drawing, and words for those who do not see it. */
export function iconButton(className, drawing, label, onClick) {
  const one = made("button", className, { type: "button", title: label }, icon(drawing));
  one.setAttribute("aria-label", label);
  one.addEventListener("click", onClick);
  return one;
}

/** An element that a screen reader alone sees. */
export const unseen = (tag, properties = {}, ...children) =>
  element(tag, { className: "unseen", ...properties }, ...children);
