// Keeps the door's page in step with its kiosk. It decides nothing and holds no words: the kiosk
// says what to show, and when something else; the page's own HTML holds the rest. The one thing that the
// page finds out by itself is that its kiosk has gone silent.

import { sound } from "./sound.js";
import { speak } from "./words.js";

const SILENCE_MS = 10_000; // the kiosk speaks at least every 5 s, so one heartbeat may go missing

const main = document.getElementById("face");
const footer = document.querySelector("footer");
const clock = document.getElementById("clock");

let stream;
let silence;

function say(id, text) {
  const element = document.getElementById(id);
  if (element.textContent !== text) element.textContent = text;
  return element;
}

function show(face) {
  main.dataset.state = face.state;
  main.dataset.key = face.key;
  speak(face);
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
  main.dataset.lost = JSON.stringify(face.lost);
  show(face);
  sound(face);
  report(face);
  awaitNews();
}

function awaitNews() {
  clearTimeout(silence);
  silence = setTimeout(lose, SILENCE_MS);
}

function lose() {
  say("trouble", "");
  show({ state: "lost", key: "lost", lines: JSON.parse(main.dataset.lost), name: "", detail: "" });
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

tick();
listen();
