// The programme: which kiosk has it, every two seconds; and what a session's form would clash with, while it is filled in.

const EVERY_MS = 2000;
const AFTER_MS = 400;

function drawing(icon) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#${icon}`);
  svg.append(use);
  return svg;
}

function say(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}

function tell(place, state) {
  say(place.querySelector("[data-summary]"), state.summary);
  say(place.querySelector("[data-version]"), String(state.version));
  const sum = place.querySelector(".reach-sum");
  sum.dataset.done = state.done ? "done" : "";
  sum.querySelector("use").setAttribute("href", state.done ? "#state-done" : "#state-late");
  for (const row of place.querySelectorAll("[data-kiosk]")) {
    const told = state.kiosks[row.dataset.kiosk];
    if (!told) continue;
    const pill = row.querySelector(".pill");
    pill.dataset.state = told.state;
    pill.querySelector("use").setAttribute("href", `#${told.icon}`);
    say(pill.querySelector("[data-word]"), told.word);
    say(row.querySelector("[data-heard]"), told.heard);
    say(row.querySelector("[data-holds]"), told.version ? String(told.version) : "");
    if (row.tagName === "LI") row.hidden = told.has === "yes";
  }
}

async function follow(place) {
  const lost = place.querySelector("[data-lost]");
  for (;;) {
    await new Promise((go) => setTimeout(go, EVERY_MS));
    if (document.hidden) continue;
    try {
      const answer = await fetch(place.dataset.reach, { headers: { Accept: "application/json" } });
      if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
      tell(place, await answer.json());
      lost.hidden = true;
    } catch {
      lost.hidden = false;
    }
  }
}

const LEVELS = { impossible: ["bad", "kind-refused"], doubtful: ["warn", "level-near"], note: ["info", "state-note"] };

function showFound(live, found) {
  const words = { bad: live.dataset.wordBad, warn: live.dataset.wordWarn, info: live.dataset.wordInfo };
  const lines = found.map(({ level, what }) => {
    const [state, icon] = LEVELS[level];
    const pill = Object.assign(document.createElement("span"), { className: "pill" });
    pill.dataset.state = state;
    pill.append(drawing(icon), words[state]);
    const line = document.createElement("li");
    line.append(pill, Object.assign(document.createElement("span"), { className: "what", textContent: what }));
    return line;
  });
  live.querySelector("ul").replaceChildren(...lines);
  live.hidden = !lines.length;
}

function showProblems(form, problems, touched) {
  for (const place of form.querySelectorAll("[data-wrong]")) {
    const name = place.dataset.wrong;
    const what = touched.has(name) ? problems[name] : undefined;
    if (!what && !touched.has(name)) continue;
    say(place, what ?? "");
    place.hidden = !what;
    form.elements[name]?.setAttribute?.("aria-invalid", what ? "true" : "false");
  }
}

function check(form) {
  const touched = new Set();
  let timer = 0;
  let newest = 0;
  async function ask() {
    const mine = ++newest;
    try {
      const answer = await fetch(form.dataset.check, { method: "POST", body: new FormData(form) });
      if (!answer.ok || mine !== newest) return;
      const { problems, found } = await answer.json();
      showProblems(form, problems, touched);
      showFound(form.querySelector("[data-live]"), found);
    } catch {
      // The form is judged again when it is sent.
    }
  }
  form.addEventListener("input", ({ target }) => {
    const name = { rule: "who", category: "who", zone: "zones" }[target.name] ?? target.name.replace(/_fold$/, "");
    touched.add(name);
    if (name === "starts" && form.elements.ends.value) touched.add("ends");
    if (name === "category" || target.name === "category") form.elements.rule.value = "categories";
    clearTimeout(timer);
    timer = setTimeout(ask, AFTER_MS);
  });
}

for (const place of document.querySelectorAll("[data-reach]")) follow(place);
for (const form of document.querySelectorAll("[data-check]")) check(form);

// The timetable begins at this moment where it is wider than the screen.
const mark = document.querySelector(".grid .mark");
const frame = mark?.closest(".grid-frame");
if (frame && frame.scrollWidth > frame.clientWidth) {
  const off = mark.getBoundingClientRect().left - frame.getBoundingClientRect().left - frame.clientWidth / 3;
  frame.scrollLeft += off;
}
