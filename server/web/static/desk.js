// The desk without a mouse: people are listed while one types, arrows and Enter choose, a scanner's text is posted.
// Decides nothing, and holds no words.

const page = document.querySelector(".desk");
const input = page.querySelector("#q");
const form = input.form;
const list = document.getElementById("found");
const results = document.getElementById("results");
const shown = document.getElementById("shown");
const sum = document.getElementById("sum");
const line = document.getElementById("line");
const PAUSE_MS = 70;
const FULL = 12; // as many as the server names at most
const LONGEST_TYPED = 60; // more than that in one line was not typed by a hand
const DENSE = /[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]/u; // one sign of these scripts says as much as three letters

let timer = 0;
let asking = null;
let listed = ""; // the text whose people stand in the list
let wanted = false; // Enter came before the answer

const isScan = (text) => text.length > LONGEST_TYPED || (text.startsWith("TB") && text.length > 30) || text.includes("://");
const isEnough = (text) => [...text].length >= 3 || DENSE.test(text) || /^#?\d+$/.test(text);
const links = () => [...list.querySelectorAll("a")];

function show(searching) {
  results.hidden = !searching;
  shown.hidden = searching;
}

function fill(item, one) {
  const [swatch, name, of, category, badge] = item.querySelectorAll("rect, bdi, .who small, .what span, .what small");
  item.querySelector("a").href = one.url;
  swatch.setAttribute("fill", one.colour);
  [name.textContent, name.lang] = [one.name, one.language];
  of.textContent = one.of;
  category.textContent = one.category;
  badge.textContent = one.where ? `${one.badge} · ${one.where}` : one.badge;
  badge.dataset.state = one.state;
}

function tell(text) {
  sum.textContent = text;
  document.getElementById("heard").textContent = text;
}

function render(people) {
  list.replaceChildren(...people.map((one) => {
    const item = line.content.cloneNode(true);
    fill(item, one);
    return item;
  }));
  const word = people.length === 0 ? "wordNone" : people.length < FULL ? "wordCount" : "wordMany";
  tell(page.dataset[word].replace("{count}", people.length));
  show(true);
}

async function ask(text) {
  asking?.abort();
  const mine = (asking = new AbortController());
  try {
    const signal = AbortSignal.any([mine.signal, AbortSignal.timeout(5000)]);
    const reply = await fetch(`${page.dataset.find}?q=${encodeURIComponent(text)}`, { redirect: "error", signal });
    if (!reply.ok) throw new Error(`status ${reply.status}`);
    const { people } = await reply.json();
    if (mine !== asking) return;
    listed = text;
    render(people);
    if (wanted && people.length) choose();
  } catch {
    if (mine === asking && !mine.signal.aborted) {
      show(true);
      list.replaceChildren();
      tell(page.dataset.wordLost);
    }
  }
}

function choose() {
  wanted = false;
  location.assign(links()[0].href);
}

function clear() {
  clearTimeout(timer);
  asking?.abort();
  [asking, listed, wanted, input.value] = [null, "", false, ""];
  list.replaceChildren();
  tell("");
  show(false);
  input.focus();
}

input.addEventListener("input", () => {
  clearTimeout(timer);
  wanted = false;
  const text = input.value;
  if (isScan(text)) return;
  if (isEnough(text.trim())) timer = setTimeout(ask, PAUSE_MS, text.trim());
  else if (listed || !text) {
    asking?.abort();
    [asking, listed] = [null, ""];
    show(false);
  }
});

form.addEventListener("submit", (event) => {
  const text = input.value;
  if (isScan(text)) {
    event.preventDefault(); // a badge's text stays out of addresses
    const scan = document.getElementById("scan");
    scan.elements.q.value = text;
    input.value = "";
    return scan.requestSubmit();
  }
  if (!text.trim()) return event.preventDefault();
  if (listed === text.trim()) {
    event.preventDefault();
    if (links().length) choose();
  } else if (isEnough(text.trim())) {
    event.preventDefault();
    wanted = true;
    clearTimeout(timer);
    ask(text.trim());
  }
});

input.addEventListener("keydown", (event) => {
  if (event.key !== "ArrowDown" || event.isComposing) return;
  const first = results.hidden ? shown.querySelector(".deeds :is(button, summary)") : links()[0];
  if (!first) return;
  event.preventDefault();
  first.focus();
});

list.addEventListener("keydown", (event) => {
  const all = links();
  const at = all.indexOf(document.activeElement);
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step) {
    event.preventDefault();
    (all[at + step] ?? (step < 0 ? input : all.at(-1))).focus();
  } else if ([...event.key].length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey && event.key !== " ") {
    input.focus(); // whoever types on means the search
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.defaultPrevented || event.isComposing) return;
  const open = document.activeElement?.closest("details[open]");
  if (open && open.contains(document.activeElement) && !input.value) open.open = false;
  event.preventDefault();
  clear();
});

for (const button of page.querySelectorAll("[data-step]")) {
  const field = button.parentElement.querySelector("input");
  button.hidden = false;
  button.addEventListener("click", () => (button.dataset.step > 0 ? field.stepUp() : field.stepDown()));
}

const ready = document.getElementById("ready");
if (ready) {
  const address = new URL(location.href);
  address.searchParams.delete("ready");
  history.replaceState(null, "", address); // loading this page again prints nothing again
  ready.click();
}
