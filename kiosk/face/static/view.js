// The small mirrored live picture, shown while a badge is waited for or looked for. One picture at a time: the next is
// asked for when this one is there, so a slow machine shows fewer and does nothing else worse.

const EVERY_MS = 120;
const IDLE_MS = 200; // to see that it is wanted again
const AGAIN_MS = 1500; // after there was none
const WANTED = new Set(["waiting", "reading", "pairing"]);

const main = document.getElementById("face");
const view = document.getElementById("view");
const picture = document.getElementById("view-picture");

let address = "";

async function look() {
  let pause = IDLE_MS;
  if (WANTED.has(main.dataset.state) && !document.hidden) {
    try {
      pause = (await next()) ? EVERY_MS : AGAIN_MS;
    } catch {
      pause = AGAIN_MS;
      view.hidden = true; // the kiosk is away: the page says so by itself
    }
  }
  setTimeout(look, pause);
}

async function next() {
  const answer = await fetch("/view.jpg");
  const is = answer.status === 200;
  if (is) {
    const fresh = URL.createObjectURL(await answer.blob());
    picture.src = fresh;
    await picture.decode();
    URL.revokeObjectURL(address);
    address = fresh;
  }
  view.hidden = !is;
  return is;
}

look();
