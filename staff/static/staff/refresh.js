// Refreshes the changing part of a page, for as long as the server's page asks for it. Loading the whole page again
// would lose the scroll and the focus. A part that somebody is busy with is refreshed later.

const { part, seconds } = document.currentScript.dataset;

async function refresh() {
  const answer = await fetch(location.href);
  if (!answer.ok || answer.redirected) return location.reload(); // The page says why.
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const shown = document.querySelector(part);
  const busy = shown.matches(":has(:focus, input:checked)");
  if (!busy) shown.replaceWith(page.querySelector(part));
  if (busy || page.getElementById("refresh")) watch();
}

// A network that is gone for a while, or a server that restarts, is asked again.
function watch() {
  setTimeout(() => refresh().catch(watch), 1000 * seconds);
}

watch();
