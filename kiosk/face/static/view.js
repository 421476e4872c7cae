// The small mirrored live picture, shown while a badge is waited for or looked for. One picture at a time: the next is
// asked for when this one is there, so a slow machine shows fewer and does nothing else worse. A picture of whoever stood
// here before is never seen: it goes with the state, and comes back with a fresh one.

const EVERY_MS = 120;
const IDLE_MS = 200; // to see that it is wanted again
const AGAIN_MS = 1500; // after there was none
const PATIENCE_MS = 2000;
const WANTED = new Set(["waiting", "reading", "pairing"]);

const main = document.getElementById("face");
const view = document.getElementById("view");
const picture = document.getElementById("view-picture");

async function look() {
  let pause = IDLE_MS;
  if (isWanted()) {
    try {
      pause = (await next()) ? EVERY_MS : AGAIN_MS;
    } catch {
      pause = AGAIN_MS;
      hide(); // the kiosk is away, or too slow: the page says so by itself
    }
  }
  setTimeout(look, pause);
}

async function next() {
  const answer = await fetch("/view.jpg", { signal: AbortSignal.timeout(PATIENCE_MS) });
  const fresh = answer.status === 200 ? URL.createObjectURL(await answer.blob()) : "";
  try {
    if (fresh) {
      picture.src = fresh;
      await picture.decode();
    }
  } finally {
    URL.revokeObjectURL(fresh); // what is drawn stays
  }
  if (fresh && isWanted()) view.hidden = false;
  else hide();
  return fresh !== "";
}

function isWanted() {
  return WANTED.has(main.dataset.state) && !document.hidden;
}

function hide() {
  view.hidden = true;
  picture.removeAttribute("src");
}

new MutationObserver(() => isWanted() || hide()).observe(main, { attributeFilter: ["data-state"] });
look();
