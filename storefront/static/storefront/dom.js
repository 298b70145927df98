// What every module of the page does to its document.

export const part = (id) => document.getElementById(id);

/** A new element with these properties and children; texts become text, never HTML. */
export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/** Set the text of an element, unless it says so already: a live region would read it again. */
export function say(id, text) {
  if (part(id).textContent !== text) part(id).textContent = text;
}

/** Put new children into a container. If a child had the focus, the new child of the same id gets it. */
export function refill(container, ...children) {
  const { id } = container.contains(document.activeElement) ? document.activeElement : {};
  container.replaceChildren(...children);
  if (id) part(id)?.focus({ preventScroll: true });
}
