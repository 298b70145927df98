// Whether the window has room for results beside the photo; base.css and search.css part at the same width.

export const WIDE = matchMedia("(min-width: 900px)");
