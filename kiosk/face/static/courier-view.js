// The courier's view: shows the codes of a fresh letter one after the other, for a phone to read.
// Any code may be missed, for all come round again. Knows nothing of what they say.

const APART_MS = 250; // a phone looks some 15 times a second
const OPEN_MS = 3 * 60_000;
const DOWN_MS = 10_000; // a link that is lost for less needs no courier
const SIDE_PX = 220; // for the words beside or below the code

const way = document.getElementById("courier-open");
const view = document.getElementById("courier");
const code = document.getElementById("courier-code");
const progress = document.getElementById("courier-progress");
const end = document.getElementById("courier-close");
const face = document.getElementById("face");
const footer = document.querySelector("footer");

let run = 0; // counts openings, so that what belongs to an earlier one ends itself
let modules = 0;
let closing;
let waiting;

async function openCourier() {
  const mine = ++run;
  code.replaceChildren();
  progress.textContent = "";
  view.hidden = false;
  end.focus();
  clearTimeout(closing);
  closing = setTimeout(closeCourier, OPEN_MS);
  try {
    const answer = await fetch("/courier/letters", { method: "POST" });
    const letter = await answer.json();
    if (mine !== run) return;
    if (!answer.ok) throw new Error(`${letter.what}: ${letter.do}`);
    modules = letter.side;
    fit();
    await play(letter, mine);
  } catch (problem) {
    if (mine !== run) return;
    code.replaceChildren();
    progress.textContent = `No letter: ${problem.message}`;
  }
}

function closeCourier() {
  run += 1;
  clearTimeout(closing);
  view.hidden = true;
  code.replaceChildren();
}

async function play(letter, mine) {
  let next = picture(letter, 1);
  for (let part = 1; ; part = (part % letter.codes) + 1) {
    const image = await next;
    if (mine !== run) return;
    code.replaceChildren(image);
    progress.textContent = `${part} of ${letter.codes}`;
    if (letter.codes === 1) return;
    const pause = new Promise((resolve) => setTimeout(resolve, APART_MS));
    next = picture(letter, (part % letter.codes) + 1);
    next.catch(() => {}); // told when its turn has come
    await pause;
  }
}

async function picture(letter, part) {
  const image = new Image();
  image.alt = "";
  image.src = `/courier/letters/${letter.letter}/${part}.svg`;
  await image.decode();
  return image;
}

// As many whole pixels to a module as fit, so that every module is as wide as the next.
function fit() {
  if (!modules) return;
  const wide = innerWidth > innerHeight;
  const room = wide ? Math.min(innerHeight, innerWidth - SIDE_PX) : Math.min(innerWidth, innerHeight - SIDE_PX);
  code.style.setProperty("--size", `${Math.max(1, Math.floor(room / modules)) * modules}px`);
}

// The way to the view is open while the link has been down for a while, and where this door is known.
function watchLink() {
  if (footer.dataset.link === "up") {
    clearTimeout(waiting);
    waiting = undefined;
    way.hidden = true;
  } else {
    waiting ??= setTimeout(() => (way.hidden = false), DOWN_MS);
  }
}

// What the phone brought back has been read: the courier's work is done.
function watchFace() {
  if (face.dataset.state === "courier") closeCourier();
}

new MutationObserver(watchLink).observe(footer, { attributeFilter: ["data-link"] });
new MutationObserver(watchFace).observe(face, { attributeFilter: ["data-state"] });
// Any button of the page may lead here, whether the link is up or not.
addEventListener("click", (event) => event.target.closest("[data-courier]") && openCourier());
end.addEventListener("click", closeCourier);
addEventListener("keydown", (event) => event.key === "Escape" && !view.hidden && closeCourier());
addEventListener("resize", fit);
watchLink();
