// The sheets of the steward's tools: what a badge's number says, the last passages, the camera's test, the volume.
// Words and layout only; the facts are the kiosk's.

import { play } from "./sound.js";

const POLL_MS = 500;
const STEP = 5; // the kiosk makes its sounds at volumes of so many
const KINDS = { entry: "In", exit: "Out", refused: "Refused", forced: "Forced in", annulled: "Annulled" };
const LISTED = {
  yes: "On the list of this session",
  no: "Not on the list of this session",
  newer: "Newer than this door's list of this session",
  silent: "Its category decides for this session",
};
const WHY = {
  not_listed: "not on the list",
  inside_already: "already inside",
  no_seats: "no seat at this door",
  full: "room full",
  held: "entries held",
  revoked: "revoked",
  expired: "no longer valid",
  too_early: "not valid yet",
  doors_closed: "doors closed",
  no_session: "no session",
  ask_list: "newer than the list",
  delegation_full: "delegation full",
  guest_of_honour: "guest of honour",
  counted_in: "counted",
};
const LEVELS = { good: "OK", look: "LOOK", bad: "BAD" };
const ENDINGS = {
  program: "Restart the program?",
  again: "Restart the machine?",
  off: "Switch this kiosk off?",
};

const clock = document.getElementById("clock");

let level;
let polling;
let polls = 0; // counts the tests, so that what belongs to an earlier one ends itself

export function layOut(view) {
  clearTimeout(polling);
  polls += 1;
  const draw = { found, last, test, volume, exits, sure }[view.stage];
  if (draw) draw(view.sheet);
  if (view.stage !== "volume") level = undefined;
}

function found(badge) {
  put("found-number", String(badge.number));
  const facts = [];
  if (badge.revoked) facts.push(["Revoked", "Do not let this badge in. Send its holder to the registration desk."]);
  if (badge.replaced) facts.push(["Replaced", `by badge ${badge.replaced}`]);
  if (badge.newer) facts.push(["New", "printed after this door heard its lists"]);
  if (badge.listed) facts.push(["Session", LISTED[badge.listed]]);
  const inside = badge.inside === null ? "not known here" : badge.inside ? "inside" : "not inside";
  facts.push(["By the server", inside]);
  facts.push(["Last here", badge.last ? `${KINDS[badge.last]}, ${time(badge.at)}` : "never"]);
  pairs("found-facts", facts);
}

function last(passages) {
  const rows = passages.map((one) => {
    const kind = one.annulled ? `${KINDS[one.kind]} (annulled)` : KINDS[one.kind];
    const whose = one.number ? `No. ${one.number}` : "no badge";
    const said = [kind, WHY[one.why] ?? one.why].filter(Boolean).join(": ");
    return row(time(one.at), one.count > 1 ? `${said} × ${one.count}` : said, whose);
  });
  document.getElementById("last-rows").replaceChildren(...(rows.length ? rows : [row("Nobody has passed here yet.")]));
}

async function test() {
  const mine = polls;
  const waits = document.getElementById("test-waits");
  waits.hidden = false;
  try {
    const answer = await fetch("/self-test/now");
    const { on, findings } = await answer.json();
    if (mine !== polls) return;
    waits.hidden = !on;
    pairs("test-findings", findings.map((one) => [LEVELS[one.level], told(one), one.level]));
    if (!on) return;
  } catch {
    // the kiosk is away: asked again
  }
  if (mine === polls) polling = setTimeout(test, POLL_MS);
}

function told(one) {
  return `${one.topic}: ${one.words}${one.fix ? ` → ${one.fix}` : ""}`;
}

function volume({ level: now, heard }) {
  put("volume-level", String(now));
  document.getElementById("volume-silent").hidden = !(now > 0 && heard === 0);
  if (level !== undefined && level !== now && heard > 0) play(`welcome-${Math.round(heard / STEP) * STEP}`); // so loud
  level = now;
}

function exits(out) {
  put("exits-now", out ? "This gate is a way out" : "Make this gate a way out?");
  put(
    "exits-what",
    out
      ? "Turn it back, and people are let in here again."
      : "Every badge is then counted as leaving, and nobody is let in, until you turn it back. Stay at the gate.",
  );
  put("exits-turn", out ? "Let people in again" : "Make it a way out");
}

function sure(ending) {
  put("sure-what", ENDINGS[ending]);
}

function time(at) {
  if (!at) return "a time not known";
  return new Date(at).toLocaleTimeString("en-GB", { hour12: false, timeZone: clock.dataset.zone || undefined });
}

function put(id, text) {
  document.getElementById(id).textContent = text;
}

function row(...cells) {
  const line = document.createElement("tr");
  for (const text of cells) line.insertCell().textContent = text;
  return line;
}

function pairs(id, facts) {
  const list = document.getElementById(id);
  list.replaceChildren();
  for (const [name, text, level] of facts) {
    const term = list.appendChild(document.createElement("dt"));
    term.textContent = name;
    if (level) term.dataset.level = level;
    list.appendChild(document.createElement("dd")).textContent = text;
  }
}
