// Shows how far an import is. Once its state changes, the page shows other parts and is loaded again.

const SECOND = 1000;
const box = document.getElementById("import");
const bar = box.querySelector("progress");
const done = document.getElementById("import-done");
const said = document.getElementById("import-said"); // A screen reader reads out each tenth.
const stalled = document.getElementById("import-stalled");
const reason = document.getElementById("import-reason");

async function look() {
  const answer = await fetch(box.dataset.progress, { headers: { Accept: "application/json" } });
  if (answer.redirected || [403, 404].includes(answer.status)) return location.reload(); // logged out, or it is gone
  if (!answer.ok) throw new Error(`progress was answered with ${answer.status}`);
  const progress = await answer.json();
  if (progress.state !== box.dataset.state) return location.reload();
  show(progress);
  setTimeout(watch, SECOND);
}

function show(progress) {
  if (progress.total !== null) {
    bar.max = progress.total;
    bar.value = progress.done;
    done.textContent = words(progress);
    const tenths = `${Math.floor((10 * progress.done) / (progress.total || 1)) * 10}%`;
    if (said.textContent !== tenths) said.textContent = tenths;
  }
  stalled.hidden = !progress.stalled;
  if (reason.textContent !== progress.reason) reason.textContent = progress.reason; // read out once
  reason.hidden = !progress.reason;
  for (const count of document.querySelectorAll("[data-count]")) {
    count.textContent = progress[count.dataset.count].toLocaleString("en");
  }
}

function words({ done, total, rows_per_second: rate, seconds_left: left }) {
  const parts = [`${done.toLocaleString("en")} of ${total.toLocaleString("en")} rows`];
  if (rate) parts.push(`${rate < 10 ? rate : Math.round(rate)} a second`);
  if (left) parts.push(left < 90 ? `${left} s left` : `${Math.round(left / 60)} minutes left`);
  return parts.join(", ");
}

// A network that is gone for a while, or a server that restarts, is asked again.
function watch() {
  look().catch(() => setTimeout(watch, 5 * SECOND));
}

watch();
