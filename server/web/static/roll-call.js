/* The roll call's pages: shows everybody, takes ticks and scans, asks the server every few seconds what is new, and
   keeps what it has when the server is gone. Words come from the page. */

import { List, button, make } from "./roll-call-list.js";
import { Marks } from "./roll-call-marks.js";
import { Scanner } from "./roll-call-scan.js";

const PATIENCE_MS = 8_000; // for one answer
const LOST_MS = 6_000; // without an answer for so long, the copy is called one

const page = document.querySelector("[data-roll]");
const mode = page.dataset.roll; // now, running, ended
const ended = mode === "now" ? "now" : "ended"; // what it is when nothing can be marked
const every = mode === "now" ? 4_000 : 2_000;
const number = new Intl.NumberFormat(document.documentElement.lang, { numberingSystem: "latn" });
const marks = mode === "now" ? null : new Marks(page.dataset.user, page.dataset.number);
const list = new List(page, marks, word);
const form = page.querySelector(".find");
const others = new BroadcastChannel("roll-call"); // this user's other pages
let running = mode === "running";
let token = document.querySelector('[name="csrf_token"]')?.value;
let mark = "";
let since = 0;
let heard = performance.now();
let asOf = find("at").textContent;
let shown = new Set(); // who was in the view when it was chosen: a row does not go from under the thumb
let timer;
let busy = false;
let refused = 0;
let out = false;
let scanner;

function find(name, within = page) {
  return within.querySelector(`[data-${name}]`);
}

function word(name, values = {}) {
  return (page.getAttribute(`data-word-${name}`) ?? name).replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");
}

function write(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}

/* ---- the list ---- */

function view() {
  return { q: form.elements.q.value, by: form.elements.by.value, show: form.elements.show?.value ?? "all" };
}

/* ``anew``: the view was chosen, not only told news. */
function writeList(anew) {
  const { q, by, show } = view();
  const people = list.choose({ q, show }, anew ? new Set() : shown);
  shown = new Set(people.map((one) => one.holder));
  const focused = document.activeElement?.closest?.(".person")?.dataset.holder;
  const groups = list.groups(people, by).map((group) => writeGroup(group, by));
  if (!groups.length) groups.push(make("p", "empty", word(list.people.size ? "none" : "nobody")));
  find("list").replaceChildren(...groups);
  write(find("found"), number.format(people.length));
  if (focused) refocus(focused);
  writeNumbers();
}

function refocus(holder) {
  page.querySelector(`.person[data-holder="${holder}"] button`)?.focus({ preventScroll: true });
}

function writeGroup({ key, name, people }, by) {
  const title = make("h3", "", make("bdi", "", name), make("small", "", ""));
  const group = make("section", "group", title);
  if (running && by === "delegation" && key) title.append(button("quiet all", word("mark-all")));
  const rows = make("ul", "people", ...people.map((one) => list.item(one, by, running ? "running" : ended)));
  group.append(rows, ...notes(key, by).map((text) => make("p", "note", text)));
  Object.assign(group, { people, told: title.querySelector("small"), all: title.querySelector(".all"), whose: key });
  return group;
}

/* Bodies that have no name, said where they are. */
function notes(key, by) {
  if (mode !== "now" && !running) return [];
  const companions = list.companions.filter(([room, of]) => (by === "delegation" ? of : room) === key && key);
  const bodies = companions.map(([, of, n]) => word("companions", { n: number.format(n), delegation: of }));
  const [, , , unbadged, perhaps] = (by === "room" && list.rooms.find(([id]) => id === key)) || [];
  if (unbadged) bodies.push(word("more", { n: number.format(unbadged) }));
  if (perhaps) bodies.push(word("perhaps", { n: number.format(perhaps) }));
  return bodies;
}

/* Only the rows of these people: everything else stays where it is. */
function patch(holders) {
  const { by } = view();
  for (const holder of holders) {
    const one = list.people.get(holder);
    const row = page.querySelector(`.person[data-holder="${holder}"]`);
    if (!one || !row) continue;
    const focused = row.contains(document.activeElement);
    list.item(one, by, running ? "running" : ended);
    if (focused) refocus(holder);
  }
  writeNumbers();
}

function writeNumbers() {
  const listed = list.listed;
  const open = listed.filter((one) => !marks?.isSafe(one.holder));
  const counts = { inside: listed.length, open: open.length, safe: listed.length - open.length, unbadged: list.rooms.reduce((sum, room) => sum + room[3], 0) };
  for (const [name, n] of Object.entries(counts)) write(page.querySelector(`[data-count="${name}"]`), number.format(n));
  for (const group of page.querySelectorAll(".group")) writeHead(group);
  writeRooms(listed);
  if (mode === "now") return writeDelegations(listed);
  find("tally").dataset.done = open.length ? 0 : 1;
  Object.assign(find("progress"), { max: listed.length || 1, value: counts.safe });
  find("kept").hidden = !marks.waiting;
  write(find("kept"), word("kept", { n: number.format(marks.waiting) }));
}

function writeHead(group) {
  if (!group.people) return;
  const n = number.format(group.people.length);
  const left = group.people.filter((one) => !marks?.isSafe(one.holder)).length;
  if (group.all) group.all.hidden = !left;
  if (mode === "now") return write(group.told, n);
  const seen = group.people.every((one) => one.absent) ? "seen" : "all-safe";
  write(group.told, left ? word("of", { open: number.format(left), n }) : word(seen, { n }));
}

/* Each room with the rooms in it. */
function writeRooms(listed) {
  const sums = new Map(list.rooms.map(([id, , , unbadged, perhaps]) => [id, [0, 0, unbadged, perhaps]]));
  for (const one of listed) if (sums.has(one.room)) sums.get(one.room)[marks?.isSafe(one.holder) ? 1 : 0] += 1;
  const inside = new Map(list.rooms.map(([id, , outer]) => [id, outer]));
  const own = [...sums].map(([id, values]) => [id, [...values]]);
  for (const [id, values] of own) {
    for (let outer = inside.get(id); sums.has(outer); outer = inside.get(outer)) values.forEach((n, at) => (sums.get(outer)[at] += n));
  }
  for (const [id, [open, safe, unbadged, perhaps]] of sums) {
    const row = page.querySelector(`[data-room="${CSS.escape(id)}"]`);
    if (!row) continue;
    write(find("named", row) ?? find("left", row), number.format(open));
    write(find("safe-here", row), number.format(safe));
    const more = [unbadged ? `+${number.format(unbadged)}` : "", perhaps && mode === "now" ? word("more-here", { n: number.format(perhaps) }) : ""];
    write(find("unbadged", row), more.filter(Boolean).join(" "));
  }
}

function writeDelegations(listed) {
  const counts = new Map();
  for (const { delegation } of listed) counts.set(delegation, (counts.get(delegation) ?? 0) + 1);
  const names = [...counts.keys()].sort((a, b) => !a - !b || list.order(a, b));
  find("delegations")?.replaceChildren(...names.map((name) => {
    const look = button("quiet", name || word("alone"));
    look.onclick = () => choose({ by: "delegation", q: name });
    return make("li", "", look, make("b", "", number.format(counts.get(name))));
  }));
}

function choose(values) {
  for (const [name, value] of Object.entries(values)) form.elements[name].value = value;
  writeList(true);
  find("list").scrollIntoView({ block: "start" });
}

/* ---- marking ---- */

function say(name, one) {
  write(find("say"), word(name, { name: one.title, n: find("tally").querySelector(".big b").textContent }));
}

function press({ target }) {
  const pressed = target.closest("button");
  if (!pressed || !running) return;
  const one = list.people.get(Number(pressed.closest(".person")?.dataset.holder));
  if (one && pressed.classList.contains("mark")) {
    marks.tick([one.holder]);
    navigator.vibrate?.(15);
    patch([one.holder]);
    say("told", one);
  } else if (one && pressed.classList.contains("undo")) {
    marks.undo(one.holder);
    patch([one.holder]);
    say("undone", one);
  } else if (pressed.classList.contains("all")) return tickAll(pressed.closest(".group").whose);
  else return;
  hurry();
}

function scanned(code) {
  hurry();
  return marks.scan(code);
}

async function tickAll(delegation) {
  const open = list.listed.filter((one) => one.delegation === delegation && !marks.isSafe(one.holder)).map((one) => one.holder);
  const n = number.format(open.length);
  if (!open.length || !(await sure(word("sure", { n, delegation }), word("sure-more"), word("sure-do", { n })))) return;
  marks.tick(open);
  patch(open);
  hurry();
}

/* Asks before what is more than one person, or cannot be undone. */
function sure(what, more, act) {
  const box = find("sure");
  write(find("sure-what"), what);
  write(find("sure-more"), more);
  write(find("sure-do"), act);
  find("sure-keep").onclick = () => box.close("");
  find("sure-do").onclick = () => box.close("do");
  box.returnValue = "";
  box.showModal();
  return new Promise((resolve) => box.addEventListener("close", () => resolve(box.returnValue === "do"), { once: true }));
}

/* ---- the server ---- */

async function ask(address, how = {}) {
  const answer = await fetch(address, { ...how, redirect: "manual", cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
  if (answer.type === "opaqueredirect" || answer.status === 401 || answer.status === 403) throw new Error("out");
  return answer;
}

/* Sends what waits, then asks what is new; one at a time. */
async function round() {
  clearTimeout(timer);
  if (busy) return void (timer = setTimeout(round, 150));
  busy = true;
  try {
    await send();
    await look();
  } catch (problem) {
    if (problem.message === "out") signedOut();
    else if (!["TimeoutError", "TypeError", "AbortError", "SyntaxError"].includes(problem.name) && problem.message !== "gone") console.error(problem);
  }
  busy = false;
  timer = setTimeout(round, out ? 5 * every : marks?.waiting && !refused && performance.now() - heard < LOST_MS ? 300 : every);
}

function hurry() {
  clearTimeout(timer);
  timer = setTimeout(round, 100);
}

async function send() {
  const letter = running && !out ? marks.letter() : null;
  if (!letter) return;
  const headers = { "Content-Type": "application/json", "X-CSRFToken": token };
  const answer = await ask(page.dataset.post, { method: "POST", headers, body: JSON.stringify(letter.body) });
  if (answer.status === 409) return over(letter.sent);
  if (answer.status === 400) { // perhaps it was the token; a new one comes with the state
    refused += 1;
    find("refused").hidden = refused < 3;
    return;
  }
  if (!answer.ok) throw new Error("gone");
  const told = await answer.json();
  refused = 0;
  token = told.csrf;
  find("refused").hidden = true;
  marks.forget(letter.sent, { user: told.user, clock: asOf, taken: true });
  scanner?.hear(told.scans);
}

async function look() {
  const address = new URL(page.dataset.from, location);
  address.searchParams.set("mark", mark);
  if (marks) address.searchParams.set("since", since);
  const answer = await ask(address);
  if (answer.status === 404) return location.reload();
  if (!answer.ok) throw new Error("gone");
  const told = await answer.json();
  if (told.user !== page.dataset.user) return location.reload(); // somebody else has signed in here
  [mark, token, heard, asOf] = [told.mark, told.csrf, performance.now(), told.at];
  out = false;
  find("out").hidden = true;
  const changed = marks ? marks.take(told.marks) : [];
  since = told.since ?? 0;
  if (list.take(told)) writeList(false);
  else patch(changed);
  write(find("at"), asOf);
  for (const place of page.querySelectorAll("[data-paper-at]")) write(place, `${place.textContent.slice(0, 10)} ${asOf}`);
  if (told.ended && running) over(marks.letter()?.sent ?? []);
  writeLost();
}

/* It has ended: the list stays as it is, and what was not sent is told. */
function over(sent) {
  const lost = sent.filter((one) => !one.undo).length;
  marks.forget(sent);
  running = false;
  page.dataset.roll = "ended";
  scanner?.stop(false);
  find("over").hidden = false;
  find("over-lost").hidden = !lost;
  write(find("over-count"), number.format(lost));
  writeList(false);
}

function writeLost() {
  const ago = performance.now() - heard;
  find("lost").hidden = ago < LOST_MS || out;
  const seconds = Math.round(ago / 1000);
  const long = seconds < 120 ? word("seconds", { n: number.format(seconds) }) : word("minutes", { n: number.format(Math.floor(seconds / 60)) });
  write(find("lost-word"), word("lost", { seconds: long, time: asOf }));
}

/* Whoever is signed out sees no names; what waits is as the browser's storage says, which signing out wipes. */
function signedOut() {
  out = true;
  find("out").hidden = false;
  find("lost").hidden = true;
  marks?.read();
  [mark, since] = ["", 0];
  list.people.clear();
  find("list").replaceChildren();
  scanner?.stop(running);
}

async function signOut(event) {
  event.preventDefault();
  const left = marks?.waiting ?? 0;
  if (left && !(await sure(word("leave", { n: number.format(left) }), word("leave-more"), word("leave-do")))) return;
  (marks ?? new Marks("", "")).wipe();
  others.postMessage("out");
  event.target.submit();
}

/* ---- coming and going ---- */

async function stayAwake() {
  if (running && !document.hidden) await navigator.wakeLock?.request("screen").catch(() => null);
}

form.addEventListener("submit", (event) => {
  if (form.elements.room) return; // another room is another page
  event.preventDefault();
  writeList(true);
});
form.elements.q.addEventListener("input", () => writeList(true));
for (const name of ["by", "show"]) form.elements[name]?.addEventListener("change", () => writeList(true));
form.elements.room?.addEventListener("change", () => form.requestSubmit());
page.querySelector("[data-plain]")?.remove();
find("print").addEventListener("click", (event) => {
  event.preventDefault();
  window.print();
});
find("list").addEventListener("click", press);
for (const leave of document.querySelectorAll('form[action$="/sign-out"]')) leave.addEventListener("submit", signOut);
others.onmessage = () => signedOut();
if (running) {
  scanner = new Scanner(page, word, scanned);
  find("to-find").onclick = () => form.elements.q.focus();
}
document.addEventListener("visibilitychange", () => {
  scanner?.turn(document.hidden);
  if (document.hidden) return;
  stayAwake();
  hurry();
});
window.addEventListener("online", hurry);
find("fold").open = matchMedia("(min-width: 64.0625rem)").matches;
setInterval(writeLost, 1_000);
stayAwake();
round();
