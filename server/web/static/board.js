/* The live board: writes what the server's stream says into the page that the server drew, at once,
   and says so when nothing has been heard for too long. It decides nothing: levels, shares and states
   come from the server; words come from the page, so that a translation has one place. */

import { ring, offer } from "./board-sound.js";

const SILENCE_MS = 12_000; // the server sends something every 2 s
const WORTH_SAYING_S = 15; // news younger than that is no news
const LEVELS = ["calm", "near", "tight", "full", "over"]; // each louder than the one before
const RETRY_MS = 5_000; // between two attempts to reach a server that is not answering

const page = document.querySelector("[data-board]");
const stale = find(page, "stale");
const figures = new Intl.NumberFormat(document.documentElement.lang, { numberingSystem: "latn" });
const elements = { room: new Map(), kiosk: new Map() };
const kiosks = new Map(); // name -> {kiosk, heardAt}, for ages that grow between two messages

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

function ageText(seconds) {
  if (seconds < 90) return word("seconds", { n: Math.floor(seconds) });
  if (seconds < 5400) return word("minutes", { n: Math.floor(seconds / 60) });
  return word("hours", { n: Math.floor(seconds / 3600) });
}

/* ---- rooms ---- */

/* The same drawing as the template's trend_points. */
function trendPoints(values, capacity) {
  if (!values.length) return [];
  const low = Math.min(...values);
  const high = Math.max(...values);
  const span = Math.max(high - low, (capacity || 50) / 10, 5);
  const base = (low + high - span) / 2;
  const start = 150 - 10 * (values.length - 1);
  return values.map((value, i) => `${start + 10 * i},${(29 - ((value - base) / span) * 26).toFixed(1)}`);
}

/* The next six say the same as the macros of the same names in board.html. */
function few(names) {
  const shown = names.slice(0, 3);
  if (names.length > 3) shown.push(word("others", { n: names.length - 3 }));
  return shown.join(word("list"));
}

function seatCount(n) {
  return n === 1 ? word("seat") : word("seats", { n: figures.format(n) });
}

function seatsText(seats) {
  if (!seats) return "";
  const kinds = ["free", "kiosks", "stranded", "forced"].filter((kind, i) => i < 2 || seats[kind]);
  return kinds.map((kind) => word(`seats-${kind}`, { n: figures.format(seats[kind]) })).join(word("list"));
}

function freeText({ possible, capacity, limit, level }) {
  if (capacity === null) return "";
  if (level === "over") return word("above-limit", { n: figures.format(possible - limit), limit: figures.format(limit) });
  return possible > capacity
    ? word("above", { n: figures.format(possible - capacity) })
    : word("free", { n: figures.format(capacity - possible) });
}

function holdText({ confirmed, kiosks: all, waiting, heads }) {
  const said = [word("confirming", { n: confirmed, all })];
  if (heads !== null) said.push(word("counted", { n: figures.format(heads) }));
  if (waiting.length) said.push(word("waits", { names: few(waiting) }));
  return said.join("; ");
}

function recoveryText({ awaited, vowed }) {
  const whom = vowed ? awaited : [...awaited, word("vow")];
  return whom.length ? `${word("restored")}; ${word("waits", { names: few(whom) })}` : word("restored");
}

function lockedText({ only }) {
  return only.length ? word("locked-but", { names: few(only) }) : word("locked-all");
}

function nextAt({ at, day }) {
  return day === null ? at : `${word(`day-${day}`)} ${at}`;
}

function levelWord({ level, certain }) {
  return word(certain ? level : `maybe-${level}`);
}

function writeNotice(element, name, text) {
  const notice = find(element, name);
  notice.hidden = !text;
  write(notice, "more", text);
}

function writeNotices(element, { inside, possible, doubted, hold, recovery, closed }) {
  writeNotice(element, "locked", closed ? lockedText(closed) : "");
  writeNotice(element, "recovery", recovery ? recoveryText(recovery) : "");
  writeNotice(element, "hold", hold ? holdText(hold) : "");
  write(element, "doubt-count", doubted.length ? word("doubt", { n: figures.format(possible - inside) }) : "");
  writeNotice(element, "doubt", doubted.length ? word("doubted", { names: few(doubted) }) : "");
}

/* First of all: it is what people look at. */
function writeBodies(element, { inside, possible, capacity, share }) {
  write(element, "inside", figures.format(inside));
  write(element, "possible", figures.format(possible));
  find(element, "range-to").hidden = inside === possible;
  const chars = `${figures.format(inside)}${figures.format(possible)}`.length + 1;
  if (inside === possible) delete element.dataset.range;
  else element.dataset.range = chars <= 5 ? "short" : chars <= 7 ? "middle" : "wide";
  element.toggleAttribute("data-long", inside >= 1000);
  find(element, "bar-possible").setAttribute("width", Math.min((share ?? 0) * 100, 100));
  find(element, "bar").setAttribute("width", Math.min((capacity ? inside / capacity : (share ?? 0)) * 100, 100));
}

function writeSession(element, name, session, when) {
  const line = find(element, name);
  line.hidden = !session;
  write(line, "title", session ? session.title : "");
  write(line, "when", session ? when(session) : "");
}

function writeRoom(element, room) {
  writeBodies(element, room);
  element.id = `room-${room.id}`;
  element.dataset.level = room.level;
  element.dataset.depth = Math.min(room.depth, 5);
  element.toggleAttribute("data-unsure", !room.certain);
  element.toggleAttribute("data-unlimited", room.capacity === null);
  write(element, "name", room.name);
  write(element, "of", room.capacity === null ? word("unlimited") : word("of", { n: figures.format(room.capacity) }));
  write(element, "word", levelWord(room));
  write(element, "free", freeText(room));
  write(element, "full-at", room.full_at ? word("full-at", { at: room.full_at }) : "");
  write(element, "seats", seatsText(room.seats));
  writeNotices(element, room);
  write(element, "in", figures.format(room.in_5));
  write(element, "out", figures.format(room.out_5));
  find(element, "shape").setAttribute("href", `#level-${room.level}`);
  const points = trendPoints(room.trend, room.capacity);
  find(element, "line").setAttribute("points", points.join(" "));
  find(element, "dot").setAttribute("d", points.length ? `M${points.at(-1)}h0` : "");
  writeSession(element, "now", room.now, ({ until }) => until);
  write(element, "came", room.now ? figures.format(room.now.attended) : "");
  writeSession(element, "next", room.next, nextAt);
}

/* Only what asks for an act is read aloud; the numbers themselves would never stop talking. */
function announce(room, before) {
  const rank = LEVELS.indexOf(room.level);
  if (room.level === before || rank < LEVELS.indexOf("tight")) return;
  write(page, "announce", `${room.name}: ${levelWord(room)}${word("list")}${freeText(room)}`);
  if (rank > LEVELS.indexOf(before)) ring(room.level);
}

function writeChangedRooms(rooms) {
  for (const room of rooms) {
    const element = elements.room.get(room.id);
    if (!element) return askForAll();
    const before = element.dataset.level;
    writeRoom(element, room);
    announce(room, before);
  }
  tallyRooms();
}

function tallyRooms() {
  for (const link of page.querySelectorAll("[data-tally]")) {
    const those = page.querySelectorAll(`[data-room][data-level="${link.dataset.tally}"]`);
    link.parentElement.hidden = !those.length;
    write(link, "count", String(those.length));
    if (those.length) link.setAttribute("href", `#${those[0].id}`);
  }
}

/* ---- kiosks ---- */

function writeKioskAge({ kiosk, heardAt }) {
  const shown = kiosk.heard_s !== null && kiosk.heard_s >= WORTH_SAYING_S;
  const seconds = kiosk.heard_s + (performance.now() - heardAt) / 1000;
  write(elements.kiosk.get(kiosk.name), "age", shown ? ageText(seconds) : "");
}

/* The links stay where they are while the number changes: somebody may be about to press one. */
function writeTodo(element, { todo, stranded }) {
  const line = find(element, "todo");
  line.hidden = !todo;
  if (line.dataset.todo !== todo) {
    line.dataset.todo = todo;
    line.replaceChildren(...(todo ? [find(page, `todo-${todo}`).content.cloneNode(true)] : []));
  }
  if (todo) write(line, "stranded", seatCount(stranded));
}

function writeKiosk(element, kiosk) {
  element.dataset.state = kiosk.state;
  write(element, "name", kiosk.name);
  write(element, "gate", kiosk.gate ?? "");
  write(element, "word", word(kiosk.state));
  write(element, "queue", kiosk.queue ? word("queue", { n: figures.format(kiosk.queue) }) : "");
  write(element, "seats", kiosk.seats ? seatCount(kiosk.seats) : "");
  write(element, "unconfirmed", kiosk.unconfirmed.length ? word("unconfirmed") : "");
  writeTodo(element, kiosk);
  find(element, "shape").setAttribute("href", `#state-${kiosk.state}`);
  kiosks.set(kiosk.name, { kiosk, heardAt: performance.now() });
  writeKioskAge(kiosks.get(kiosk.name));
}

function writeChangedKiosks(changed) {
  for (const kiosk of changed) {
    const element = elements.kiosk.get(kiosk.name);
    if (!element) return askForAll();
    writeKiosk(element, kiosk);
  }
  const live = [...kiosks.values()].filter(({ kiosk }) => kiosk.state === "live").length;
  write(page, "kiosk-sum", word("kiosks", { live, all: kiosks.size }));
}

/* ---- incidents ---- */

let newest;

/* Told in the head of the page as well; a new one is heard and read aloud. */
function writeIncidents({ open, grave, newest: last }) {
  const place = find(page, "incidents");
  place.hidden = !open;
  place.dataset.grave = grave;
  write(place, "incidents-text", open === 1 ? word("incident") : word("incidents", { n: figures.format(open) }));
  write(place, "grave-text", grave ? word("grave", { n: figures.format(grave) }) : "");
  for (const count of document.querySelectorAll("[data-open]")) {
    count.textContent = open || "";
    count.hidden = !open;
  }
  if (newest !== undefined && last > newest) {
    write(page, "announce", word("new-incident"));
    ring(grave ? "over" : "tight");
  }
  newest = last;
}

/* ---- the whole board ---- */

/* Makes the list hold one element per name, in this order, keeping the elements that are there. */
function arrange(kind, list, names) {
  const blank = page.querySelector(`[data-blank="${kind}"]`);
  const known = elements[kind];
  for (const [name, element] of known) {
    if (names.includes(name)) continue;
    element.remove();
    known.delete(name);
  }
  names.forEach((name, place) => {
    if (!known.has(name)) {
      const element = blank.content.firstElementChild.cloneNode(true);
      element.dataset[kind] = name;
      known.set(name, element);
    }
    const element = known.get(name);
    if (list.children[place] !== element) list.insertBefore(element, list.children[place] ?? null);
  });
}

/* The indentation says to the eye what this says to a screen reader. */
function writeParents(rooms) {
  let above = [];
  for (const room of rooms) {
    above = [...above.slice(0, room.depth), room.name];
    const parent = find(elements.room.get(room.id), "parent");
    parent.textContent = above.at(-2) ?? "";
    parent.parentElement.hidden = above.length < 2;
  }
}

function writeBoard(board) {
  arrange("room", find(page, "rooms"), board.rooms.map((room) => room.id));
  for (const room of board.rooms) writeRoom(elements.room.get(room.id), room);
  writeParents(board.rooms);
  tallyRooms();
  find(page, "no-rooms").hidden = board.rooms.length > 0;

  writeIncidents(board.incidents);
  const names = board.kiosks.map((kiosk) => kiosk.name);
  arrange("kiosk", find(page, "kiosks"), names);
  for (const name of kiosks.keys()) if (!names.includes(name)) kiosks.delete(name);
  writeChangedKiosks(board.kiosks);
  find(page, "no-kiosks").hidden = names.length > 0;
}

/* ---- news, and the lack of it ---- */

let stream;
let triedAt;
let heard = moment();

/* Two clocks, for each is blind in its own way: one stops while the machine sleeps, the other can be set back. */
function moment() {
  return { steady: performance.now(), wall: Date.now() };
}

function since({ steady, wall }) {
  return Math.max(performance.now() - steady, Date.now() - wall);
}

function news(at) {
  heard = moment();
  if (at) write(page, "at", at);
  if (page.dataset.news === "live") return;
  page.dataset.news = "live";
  write(page, "news", word("connected"));
  stale.hidden = true;
  find(page, "signed-out").hidden = true;
}

function sayStale() {
  if (page.dataset.news !== "stale") {
    page.dataset.news = "stale";
    write(page, "since", word("stale", { at: find(page, "at").textContent }));
    stale.hidden = false;
  }
  write(page, "since-age", word("lasting", { age: ageText(since(heard) / 1000) }));
}

/* An EventSource cannot tell a refusal from a failure; the page itself can. */
async function askWhetherSignedOut() {
  try {
    const answer = await fetch(location.href, { method: "HEAD", redirect: "manual", cache: "no-store" });
    find(page, "signed-out").hidden = answer.type !== "opaqueredirect" && answer.status !== 401;
  } catch {
    // no server in reach: the page says already that there is no news
  }
}

function listen() {
  stream?.close();
  triedAt = moment();
  stream = new EventSource(page.dataset.stream);
  const on = (name, act) =>
    stream.addEventListener(name, (event) => {
      const said = event.data ? JSON.parse(event.data) : {};
      act(said);
      news(said.at);
    });
  on("board", writeBoard);
  on("rooms", (said) => writeChangedRooms(said.rooms));
  on("kiosks", (said) => writeChangedKiosks(said.kiosks));
  on("incidents", (said) => writeIncidents(said.incidents));
  on("beat", () => {});
}

/* Something new in the venue: a fresh stream begins with the whole board. */
function askForAll() {
  if (since(triedAt) > RETRY_MS) listen();
}

/* A connection that died without a word stays "open" for minutes, so silence counts, not what the browser believes. */
function watch() {
  const silent = since(heard) > SILENCE_MS;
  if (silent) sayStale();
  for (const entry of kiosks.values()) writeKioskAge(entry);
  const lost = silent || stream.readyState === EventSource.CLOSED;
  if (!lost || since(triedAt) < RETRY_MS + Math.random() * 2_000) return;
  askWhetherSignedOut();
  listen();
}

for (const kind of ["room", "kiosk"]) {
  for (const element of page.querySelectorAll(`[data-${kind}]`)) elements[kind].set(element.dataset[kind], element);
}
listen();
setInterval(watch, 1_000);
document.addEventListener("visibilitychange", watch); // timers of hidden pages are slowed down
offer(page, word);
