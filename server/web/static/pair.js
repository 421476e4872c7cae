// Keeps the page of a pairing in step: asks for the state once a second, and takes the page anew when it has changed.
// Decides nothing, and holds no words but those that are in the page.

const EVERY_MS = 1000;
const OVER = new Set(["confirmed", "refused", "contested", "expired"]);

const pairing = document.getElementById("pairing");
const lost = document.getElementById("lost");

async function get(address) {
  const reply = await fetch(address, { redirect: "error", signal: AbortSignal.timeout(5000) });
  if (!reply.ok) throw new Error(`status ${reply.status}`);
  return reply;
}

async function renew() {
  const page = new DOMParser().parseFromString(await (await get(location.href)).text(), "text/html");
  const fresh = page.getElementById("pairing");
  pairing.replaceChildren(...fresh.childNodes);
  pairing.dataset.state = fresh.dataset.state;
}

async function look() {
  try {
    const { state } = await (await get(pairing.dataset.watch)).json();
    if (state !== pairing.dataset.state) await renew();
    lost.hidden = true;
  } catch {
    lost.hidden = false; // signed out, or the server is away: says so and goes on asking
  }
  if (!OVER.has(pairing.dataset.state)) setTimeout(look, EVERY_MS);
}

setTimeout(look, EVERY_MS);
