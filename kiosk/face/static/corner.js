// The steward's corner: shows the step that the kiosk says, and tells it what was pressed. It decides nothing and
// keeps nothing; the digits that were typed are gone with the step.

import { layOut } from "./tools.js";

const LONG_MS = 800; // nobody who leans on the screen for less means it
const KEYPAD = ["code", "count_in", "count_out", "find"];

const opener = document.getElementById("corner-open");
const corner = document.getElementById("corner");
const form = document.getElementById("corner-form");
const digits = document.getElementById("corner-digits");
const closer = corner.querySelector("header [data-deed=close]");
const note = document.getElementById("corner-note");
const door = document.getElementById("corner-door");
const face = document.getElementById("face");
const clock = document.getElementById("clock");

let stream;
let number = -1;
let holding;

function show(view) {
  if (view.number <= number) return; // an answer may come after newer news
  number = view.number;
  const moved = corner.dataset.stage !== view.stage;
  note.textContent = view.note;
  digits.value = "";
  fill(view);
  layOut(view);
  corner.dataset.stage = view.stage;
  for (const part of corner.querySelectorAll("[data-on]")) {
    part.hidden = !part.dataset.on.split(" ").includes(view.stage);
  }
  if (view.stage === "closed") shut();
  else if (moved) takeFocus(view.stage);
}

function fill(view) {
  const options = { hour12: false, timeZone: clock.dataset.zone || undefined };
  const at = view.at ? new Date(view.at).toLocaleTimeString("en-GB", options) : "a time not known";
  document.getElementById("corner-time").textContent = at;
  const whose = view.badge ? `badge ${view.badge}` : `${view.bodies} without a badge`;
  document.getElementById("corner-badge").textContent = whose;
  for (const bodies of corner.querySelectorAll(".corner-bodies")) bodies.textContent = String(view.bodies);
  document.getElementById("corner-out").hidden = !view.may_count_out;
}

function takeFocus(stage) {
  const step = corner.querySelector("section:not([hidden])");
  if (KEYPAD.includes(stage)) digits.focus();
  else (step.querySelector("[data-calm]") ?? step.querySelector("button") ?? closer).focus();
}

async function press(deed, facts = {}) {
  try {
    const answer = await fetch(`/steward/${deed}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Threshold": "steward" },
      body: JSON.stringify(facts),
    });
    const view = await answer.json();
    if (!answer.ok) throw new Error(view.what);
    if (!corner.open && view.stage !== "closed") begin();
    show(view);
  } catch {
    note.textContent = corner.dataset.silent;
  }
}

function begin() {
  number = -1;
  corner.dataset.stage = "closed";
  corner.showModal();
  mirror();
  stream = new EventSource("/steward/events");
  stream.addEventListener("message", (event) => show(JSON.parse(event.data)));
  stream.addEventListener("error", shut); // the kiosk ended it, or has ended itself
}

function shut() {
  stream?.close();
  digits.value = "";
  note.textContent = "";
  if (corner.open) corner.close();
}

// The door goes on meanwhile: what visitors would see stands in one line.
function mirror() {
  const said = ["h1", "#name", "#detail"].map((part) => face.querySelector(part).textContent);
  door.textContent = said.filter(Boolean).join(" · ");
  door.dataset.state = face.dataset.state;
}

function type(digit) {
  if (digit === "") digits.value = digits.value.slice(0, -1);
  else if (digits.value.length < digits.maxLength) digits.value += digit;
}

function send() {
  if (corner.dataset.stage === "code") press("code", { code: digits.value });
  else if (corner.dataset.stage === "find") press("tool", { press: "number", number: Number(digits.value) || 0 });
  else press("count", { bodies: Number(digits.value) || 0 });
}

function onPress(event) {
  const button = event.target.closest("button");
  if (!button) return;
  const { deed, digit, what, why, press: word } = button.dataset;
  if (digit !== undefined) type(digit);
  else if (deed) press(deed, what ? { what } : why ? { why } : word ? { press: word } : {});
}

function letGo() {
  clearTimeout(holding);
}

opener.addEventListener("pointerdown", () => {
  letGo();
  holding = setTimeout(press, LONG_MS, "open");
});
for (const end of ["pointerup", "pointerleave", "pointercancel"]) opener.addEventListener(end, letGo);
opener.addEventListener("contextmenu", (event) => event.preventDefault());
opener.addEventListener("click", (event) => event.detail === 0 && press("open")); // by keyboard
corner.addEventListener("click", onPress);
corner.addEventListener("contextmenu", (event) => event.preventDefault());
corner.addEventListener("cancel", (event) => {
  event.preventDefault();
  press("close");
});
digits.addEventListener("input", () => (digits.value = digits.value.replace(/\D/g, "")));
form.addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
new MutationObserver(() => corner.open && mirror()).observe(face, {
  attributeFilter: ["data-state"],
  childList: true,
  characterData: true,
  subtree: true,
});
