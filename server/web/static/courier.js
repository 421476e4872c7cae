/* The courier page: shows what the camera reads, what is held and what the server answered. Decides nothing about
   letters; words come from the page, so that a translation has one place. */

import { Camera } from "./courier-camera.js";
import { Letters, complete, count, due, frameOf, stateOf, unsent } from "./courier-letters.js";
import { Post } from "./courier-post.js";

const HINT_MS = 3_000;
const BESIDE_MS = 120_000; // who read a letter within this time still stands at the kiosk, and wants the grant at once

const page = document.querySelector("[data-courier]");
const clock = new Intl.DateTimeFormat(document.documentElement.lang, { hour: "2-digit", minute: "2-digit", hour12: false });
const rows = new Map(); // key -> element
const others = new BroadcastChannel("courier"); // this page in other tabs
const letters = await Letters.open();
const camera = new Camera(find(page, "video"), see, writeCamera);
const post = new Post(letters, page.dataset.post, document.querySelector('meta[name="csrf-token"]').content, hear);
let current; // the key of the letter in front of the camera
let hintEnds;
let awake;

function find(within, name) {
  return within.querySelector(`[data-${name}]`);
}

function word(name, values = {}) {
  const text = page.getAttribute(`data-word-${name}`);
  return text.replace(/\{(\w+)\}/g, (_, key) => values[key]);
}

function write(within, name, text) {
  const element = find(within, name);
  if (element.textContent !== text) element.textContent = text;
}

/* ---- reading ---- */

function see(text) {
  const frame = frameOf(text);
  if (!frame) return hint(word(text.startsWith("TG:") ? "grant-seen" : "wrong"));
  find(page, "hint").hidden = true;
  const isNew = letters.take(frame);
  if (!isNew && current === frame.key) return;
  current = frame.key;
  const letter = letters.get(frame.key);
  writeReading();
  if (!isNew) return;
  writeLetters();
  navigator.vibrate?.(complete(letter) ? [60, 40, 120] : 15);
  if (!complete(letter)) return;
  write(page, "announce", `${nameOf(letter)}: ${moreOf(letter)}`);
  if (post.line !== "out") post.go();
}

function hint(text) {
  const place = find(page, "hint");
  write(page, "hint", text);
  place.hidden = false;
  clearTimeout(hintEnds);
  hintEnds = setTimeout(() => (place.hidden = true), HINT_MS);
}

function moreOf(letter) {
  if (!letter) return word("point-more");
  if (!complete(letter)) return word("reading-more");
  const state = stateOf(letter);
  return word(`all-${state === "waiting" ? post.line : state}`);
}

function writeReading() {
  const letter = letters.get(current);
  const place = find(page, "reading");
  place.dataset.state = !letter ? "none" : complete(letter) ? "all" : "some";
  write(page, "reading-count", letter ? word("of", { n: count(letter), total: letter.total }) : word("point"));
  write(page, "reading-name", letter ? nameOf(letter) : "");
  write(page, "reading-more", moreOf(letter));
  find(page, "ring").setAttribute("d", letter ? arcs(letter) : "");
}

/* An arc for each frame that is held, so that one sees which are missing. */
function arcs({ frames, total }) {
  const gap = total > 1 && total <= 40 ? 0.025 : 0; // in turns, less what round ends would need
  const at = (turn) => {
    const angle = 2 * Math.PI * turn;
    return `${(24 + 20 * Math.sin(angle)).toFixed(2)},${(24 - 20 * Math.cos(angle)).toFixed(2)}`;
  };
  const arc = (from, to) => `M${at(from)}A20,20 0 ${to - from > 0.5 ? 1 : 0} 1 ${at(to)}`;
  return Object.keys(frames).map((part) => arc((part - 1) / total, part / total - Math.max(gap / 2, 0.001))).join("");
}

function writeCamera() {
  const { state } = camera;
  find(page, "finder").dataset.state = state;
  find(page, "no-view").hidden = state === "on";
  if (state !== "on") write(page, "no-view-why", word(state));
  find(page, "start").hidden = !["refused", "taken", "absent"].includes(state);
}

/* ---- what is held ---- */

function nameOf(letter) {
  return letter.answer?.gate ?? letter.device;
}

function writeLetters() {
  const held = letters.all();
  for (const [key, row] of rows) if (!letters.get(key)) forget(key, row);
  held.forEach((letter, place) => {
    const list = find(page, "letters");
    if (!rows.has(letter.key)) rows.set(letter.key, newRow(letter.key));
    const row = rows.get(letter.key);
    if (list.children[place] !== row) list.insertBefore(row, list.children[place] ?? null);
    writeLetter(row, letter);
  });
  find(page, "no-letters").hidden = held.length > 0;
  find(page, "fleeting").hidden = letters.lasting || !held.length;
}

function forget(key, row) {
  row.remove();
  rows.delete(key);
  if (current !== key) return;
  current = undefined;
  writeReading();
}

function newRow(key) {
  const row = find(page, "blank").content.firstElementChild.cloneNode(true);
  find(row, "show").onclick = () => show(letters.get(key));
  find(row, "send").onclick = () => sendNow(key, { asked: true });
  find(row, "again").onclick = () => sendNow(key, { asked: true, refusal: null });
  find(row, "discard").onclick = () => discard(letters.get(key));
  return row;
}

function writeLetter(row, letter) {
  const state = stateOf(letter);
  row.dataset.state = state;
  find(row, "shape").setAttribute("href", `#letter-${state}`);
  write(row, "name", nameOf(letter));
  write(row, "device", letter.answer?.gate ? letter.device : "");
  write(row, "count", word("of", { n: count(letter), total: letter.total }));
  write(row, "word", word(state === "waiting" ? `state-waiting-${post.line}` : `state-${state}`));
  write(row, "at", clock.format(state === "sent" || state === "ready" ? letter.answered : letter.changed));
  const says = saysOf(letter, state);
  write(row, "says", says);
  find(row, "says").hidden = !says;
  find(row, "show").hidden = !letter.answer?.svg;
  find(row, "send").hidden = complete(letter) || !unsent(letter) || due(letter) || Boolean(letter.refusal);
  find(row, "again").hidden = state !== "refused";
}

function saysOf(letter, state) {
  if (state === "refused") return `${letter.refusal.what} ${letter.refusal.do}`.trim();
  const missing = Array.from({ length: letter.total }, (_, i) => i + 1).filter((part) => !letter.frames[part]);
  const list = missing.slice(0, 12).join(", ") + (missing.length > 12 ? " …" : "");
  return [letter.answer?.says, missing.length ? word("missing", { list }) : ""].filter(Boolean).join(" ");
}

async function sendNow(key, change) {
  await letters.change(key, change);
  writeLetters();
  await post.hurry();
}

async function discard(letter) {
  const more = word(unsent(letter) ? "discard-unsent" : "discard-sent");
  if (!(await sure(word("discard", { name: nameOf(letter) }), more, word("discard-do")))) return;
  await letters.discard(letter.key);
  writeLetters();
  others.postMessage("changed");
}

/* Asks before what cannot be undone. */
function sure(what, more, act) {
  const box = find(page, "sure");
  write(box, "sure-what", what);
  write(box, "sure-more", more);
  write(box, "sure-do", act);
  box.returnValue = "";
  box.showModal();
  return new Promise((resolve) => box.addEventListener("close", () => resolve(box.returnValue === "do"), { once: true }));
}

/* ---- the server ---- */

/* The post has news: of the line, or of a letter. */
function hear(letter) {
  page.dataset.line = post.line;
  write(page, "line-word", word(post.line));
  find(page, "down").hidden = post.line !== "down";
  find(page, "busy").hidden = post.line !== "busy";
  if (post.line === "busy") write(page, "busy-says", `${post.says.what} ${post.says.do}`.trim());
  find(page, "out").hidden = post.line !== "out";
  if (post.line === "out" && post.says) {
    write(page, "out-what", post.says.what);
    write(page, "out-do", post.says.do);
  }
  writeLetters();
  writeReading();
  if (!letter) return;
  write(page, "announce", `${nameOf(letter)}: ${find(rows.get(letter.key), "word").textContent}`);
  others.postMessage("changed");
  const beside = letter.key === current && Date.now() - letter.changed < BESIDE_MS && !document.querySelector("dialog[open]");
  if (beside && stateOf(letter) === "ready") show(letter);
}

/* ---- the grant ---- */

function show(letter) {
  const box = find(page, "grant");
  write(box, "grant-to", word("hold-up", { gate: nameOf(letter) }));
  write(box, "grant-says", letter.answer.says ?? "");
  find(box, "grant-code").src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(letter.answer.svg)}`;
  camera.paused = true;
  box.showModal();
}

find(page, "grant-done").onclick = () => find(page, "grant").close();
find(page, "grant").addEventListener("close", () => (camera.paused = false));
for (const answer of ["keep", "do"]) {
  const button = find(page, `sure-${answer}`);
  button.onclick = () => find(page, "sure").close(button.value);
}

/* ---- coming and going ---- */

/* A phone that sleeps while somebody reads, or holds up a grant, is of no use. */
async function stayAwake() {
  if (awake && !awake.released) return;
  awake = await navigator.wakeLock?.request("screen").catch(() => null);
}

async function comeAndGo() {
  if (document.hidden) return camera.stop();
  camera.start();
  stayAwake();
  await letters.refresh();
  writeLetters();
  await post.go(true);
}

async function wipe() {
  await letters.wipe();
  others.postMessage("changed");
  for (const name of (await globalThis.caches?.keys()) ?? []) await caches.delete(name);
}

async function signOut(event) {
  event.preventDefault();
  const form = event.target;
  const left = letters.all().filter(unsent).length;
  if (left && !(await sure(word("leave"), word("leave-more", { n: left }), word("leave-do")))) return;
  camera.stop();
  await wipe();
  form.submit();
}

document.querySelector(`form[action="${page.dataset.signOut}"]`)?.addEventListener("submit", signOut);
find(page, "start").onclick = () => camera.start();
document.addEventListener("visibilitychange", comeAndGo);
window.addEventListener("online", () => post.hurry());
window.addEventListener("offline", () => post.down());
others.onmessage = () => letters.refresh().then(writeLetters);
navigator.storage?.persist?.();
navigator.serviceWorker?.register(page.dataset.worker, { scope: "/courier" }).catch((problem) => console.error(problem));
writeLetters();
comeAndGo();
