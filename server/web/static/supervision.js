// Keeps a page of supervisors in step: asks every two seconds whether something has changed, and then takes the page
// anew. What stands on it unchanged is left alone, with all that was typed. Decides nothing, and holds no words.

const EVERY_MS = 2000;

const page = document.querySelector("[data-watch]");
const lost = document.getElementById("lost");

async function get(address) {
  const reply = await fetch(address, { redirect: "error", signal: AbortSignal.timeout(5000) });
  if (!reply.ok) throw new Error(`status ${reply.status}`);
  return reply;
}

function carry(old, fresh) {
  // what was typed or unfolded in a part that has changed
  const folds = [...fresh.querySelectorAll("details")];
  old.querySelectorAll("details").forEach((fold, place) => fold.open && folds[place]?.setAttribute("open", ""));
  for (const field of old.querySelectorAll("textarea, input[type=checkbox]")) {
    const isSame = (one) => (field.id ? one.id === field.id : one.name === field.name);
    const same = [...fresh.querySelectorAll("textarea, input[type=checkbox]")].find(isSame);
    if (same) [same.value, same.checked] = [field.value, field.checked];
    if (same && field === document.activeElement) requestAnimationFrame(() => same.focus());
  }
}

function renew(list, fresh) {
  const wanted = [...fresh.children].map((item) => {
    const old = item.id && document.getElementById(item.id);
    if (!old || old.parentElement !== list) return item;
    if (old.dataset.mark !== undefined && old.dataset.mark === item.dataset.mark) return old;
    carry(old, item);
    return item;
  });
  for (const old of [...list.children]) if (!wanted.includes(old)) old.remove();
  let at = list.firstElementChild; // what stays is never moved: it would lose the focus
  for (const item of wanted) {
    if (item === at) at = at.nextElementSibling;
    else list.insertBefore(item, at);
  }
}

function count(open) {
  for (const badge of document.querySelectorAll("[data-open], [data-open-tab]")) {
    const shown = "open" in badge.dataset; // in the head of the page none is no news
    badge.textContent = shown ? open || "" : open;
    badge.hidden = shown && open === 0;
  }
}

async function look() {
  try {
    const { mark, open } = await (await get(page.dataset.watch)).json();
    if (mark !== page.dataset.mark) {
      const fresh = new DOMParser().parseFromString(await (await get(page.dataset.page)).text(), "text/html");
      for (const list of document.querySelectorAll("[data-live]")) {
        const other = fresh.getElementById(list.id);
        if (!other) return location.replace(page.dataset.page); // another step of the act, or another page altogether
        renew(list, other);
      }
      page.dataset.mark = fresh.querySelector("[data-watch]").dataset.mark;
    }
    count(open);
    lost.hidden = true;
  } catch {
    lost.hidden = false; // signed out, or the server is away: says so and goes on asking
  }
  setTimeout(look, EVERY_MS);
}

if (page) setTimeout(look, EVERY_MS);
