// Keeps the door's page in step with its kiosk. It decides nothing and holds no words: the kiosk
// says what to show, and when something else; the page's own HTML holds the rest. The one thing that the
// page finds out by itself is that its kiosk has gone silent.

const SILENCE_MS = 10_000; // the kiosk speaks at least every 5 s, so one heartbeat may go missing
const SIZES = [1, 0.92, 0.84, 0.76, 0.68, 0.6]; // of the intended type size, largest first

const main = document.getElementById("face");
const words = main.querySelector(".words");
const footer = document.querySelector("footer");
const clock = document.getElementById("clock");

let stream;
let silence;

function say(id, text) {
  const element = document.getElementById(id);
  // Untouched when nothing changed, or a screen reader would repeat it with every heartbeat.
  if (element.textContent !== text) element.textContent = text;
  return element;
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
  for (const part of words.children) {
    if (!size(part, "--own", () => isWhole(part))) part.style.setProperty("--own", 1);
  }
  words.style.setProperty("--wrap", "break-word");
  size(words, "--fit", () => words.scrollHeight <= words.clientHeight);
}

function show(face) {
  for (const part of ["title", "name", "advice", "detail"]) say(part, face[part]);
  main.dataset.state = face.state;
  fit();
}

function report(face) {
  for (const part of ["gate", "room"]) say(part, face[part]);
  if (face.gate) document.title = face.gate;
  clock.dataset.zone = face.zone;
  footer.dataset.link = face.link;
  say("trouble", face.trouble);
  say("queue", String(face.queue)).parentElement.hidden = face.queue === 0;
  say("lists_as_of", face.lists_as_of).parentElement.hidden = face.lists_as_of === "";
}

function hear(event) {
  const face = JSON.parse(event.data); // a message that cannot be read counts as silence
  show(face);
  report(face);
  awaitNews();
}

function awaitNews() {
  clearTimeout(silence);
  silence = setTimeout(lose, SILENCE_MS);
}

function lose() {
  const { lostTitle, lostAdvice } = main.dataset;
  say("trouble", "");
  show({ state: "lost", title: lostTitle, name: "", advice: lostAdvice, detail: "" });
  listen();
}

// EventSource reconnects after a lost connection, but not after an error page, nor when the
// connection only hangs; so each silence opens a new one.
function listen() {
  stream?.close();
  stream = new EventSource("/events");
  stream.addEventListener("face", hear);
  awaitNews();
}

// The venue's time, as on the badges and boards; the machine's own until the kiosk knows where it is.
function tick() {
  const now = new Date();
  const options = { hour12: false, timeZone: clock.dataset.zone || undefined };
  clock.textContent = now.toLocaleTimeString("en-GB", options);
  setTimeout(tick, 1000 - now.getMilliseconds());
}

addEventListener("resize", fit);
fit();
tick();
listen();
