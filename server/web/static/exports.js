// Shows how far files have come: asks once a second while any is being made, and draws the list anew when one is ready.
// Decides nothing, and holds no words: those come from the server.

const EVERY_MS = 1000;

const page = document.querySelector("[data-state][data-mark]");
const lost = document.getElementById("lost");

async function get(address) {
  const reply = await fetch(address, { redirect: "error", signal: AbortSignal.timeout(5000) });
  if (!reply.ok) throw new Error(`status ${reply.status}`);
  return reply;
}

function show({ id, rows, total, text }) {
  const order = document.getElementById(`order-${id}`);
  const bar = order?.querySelector("progress");
  if (!bar) return;
  if (total) [bar.max, bar.value] = [total, rows];
  const told = order.querySelector("[data-far]");
  if (told.textContent !== text) told.textContent = text;
}

async function renew() {
  const fresh = new DOMParser().parseFromString(await (await get(location.href)).text(), "text/html");
  const [old, other] = [document.getElementById("orders"), fresh.getElementById("orders")];
  const focused = document.activeElement?.closest?.("li")?.id;
  for (const item of [...other.querySelectorAll("li.sheet")]) {
    const same = document.getElementById(item.id); // what has not changed keeps the focus
    if (same && same.innerHTML === item.innerHTML) item.replaceWith(same);
  }
  old.replaceChildren(...other.childNodes);
  if (focused && document.activeElement === document.body) document.querySelector(`#${focused} :is(a, button)`)?.focus();
  page.dataset.mark = fresh.querySelector("[data-mark]").dataset.mark;
}

async function look() {
  let going = true;
  try {
    const state = await (await get(page.dataset.state)).json();
    if (state.mark !== page.dataset.mark) await renew();
    state.going.forEach(show);
    going = state.going.length > 0;
    lost.hidden = true;
  } catch {
    lost.hidden = false;
  }
  setTimeout(look, going ? EVERY_MS : 5 * EVERY_MS);
}

setTimeout(look, EVERY_MS);
