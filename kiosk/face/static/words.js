// The words on the door's page: in the visitor's language, or in two at once; each as large as it fits. While nobody is
// there, an event with more languages than two shows them by turns.

const SIZES = [1, 0.92, 0.84, 0.76, 0.68, 0.6, 0.52, 0.46]; // of the intended type size, largest first
const AT_ONCE = 2;
const TURN_MS = 6000; // long enough to read two lines twice

const main = document.getElementById("face");
const words = main.querySelector(".words");
const places = [...words.querySelectorAll(".line")];
const PARTS = { title: ".title", advice: ".advice", detail: ".also" };

let turning;
let spoken;

export function speak(face) {
  const said = JSON.stringify([face.state, face.lines, face.name, face.detail]);
  if (said === spoken) return; // a heartbeat; and the turns of the languages go on
  spoken = said;
  clearInterval(turning);
  for (const id of ["name", "detail"]) write(document.getElementById(id), face[id]);
  let first = 0;
  place(face.lines.slice(0, AT_ONCE));
  if (face.lines.length <= AT_ONCE) return;
  turning = setInterval(() => {
    first = (first + AT_ONCE) % face.lines.length;
    place([...face.lines, ...face.lines].slice(first, first + AT_ONCE));
  }, TURN_MS);
}

function place(lines) {
  places.forEach((element, at) => {
    const line = lines[at];
    element.hidden = !line;
    element.lang = line?.lang ?? "en";
    element.dir = line?.dir ?? "ltr";
    for (const [name, selector] of Object.entries(PARTS)) write(element.querySelector(selector), line?.[name] ?? "");
  });
  words.dataset.lines = lines.length;
  main.dir = lines.length === 1 ? lines[0].dir : "ltr";
  fit();
}

// Untouched when nothing changed, or a screen reader would repeat it.
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function leaves() {
  return [...words.querySelectorAll("h1, h2, p")].filter((each) => each.checkVisibility());
}

// Whether the part is whole: no word wider than its line, no line left out. A line that is left out adds at least
// a quarter to the height; letters that reach out of their line add less.
function isWhole(part) {
  const room = Math.min(part.clientWidth, words.clientWidth);
  return part.scrollWidth <= room && part.scrollHeight <= part.clientHeight * 1.2;
}

// Gives this the largest size at which it is all right; false if it never is.
function size(element, property, isRight) {
  return SIZES.some((each) => {
    element.style.setProperty(property, each);
    return isRight();
  });
}

// Long names and other languages take more room than planned. A part with a long word gets smaller by itself, before
// the word is broken; then all get smaller together, before anything is cut.
function fit() {
  words.style.setProperty("--fit", 1);
  words.style.setProperty("--wrap", "normal");
  for (const part of leaves()) {
    if (!size(part, "--own", () => isWhole(part))) part.style.setProperty("--own", 1);
  }
  words.style.setProperty("--wrap", "break-word");
  size(words, "--fit", () => words.scrollHeight <= words.clientHeight);
}

addEventListener("resize", fit);
document.fonts?.addEventListener("loadingdone", fit);
new ResizeObserver(fit).observe(words);
fit();
