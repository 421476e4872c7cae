// Keeps the door's page in step with its kiosk. It decides nothing and holds no words: the kiosk
// says what to show and for how long, the page's own HTML holds the rest. The one thing that the
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

function fitsAt(size) {
  words.style.setProperty("--fit", size);
  const narrow = (element) => element.scrollWidth <= element.clientWidth;
  return words.scrollHeight <= words.clientHeight && [words, ...words.children].every(narrow);
}

// Long names and other languages take more room than planned; smaller type is better than a broken word,
// and a broken word better than cut type.
function fit() {
  for (const wrap of ["normal", "break-word"]) {
    words.style.setProperty("--wrap", wrap);
    if (SIZES.some(fitsAt)) return;
  }
}

function show(face) {
  for (const part of ["title", "name", "advice", "detail"]) say(part, face[part]);
  main.dataset.state = face.state;
  fit();
}

function report(face) {
  for (const part of ["gate", "room"]) say(part, face[part]);
  if (face.gate) document.title = face.gate;
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

function tick() {
  const now = new Date();
  const parts = [now.getHours(), now.getMinutes(), now.getSeconds()];
  clock.textContent = parts.map((part) => String(part).padStart(2, "0")).join(":");
  setTimeout(tick, 1000 - now.getMilliseconds());
}

addEventListener("resize", fit);
fit();
tick();
listen();
