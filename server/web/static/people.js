// Finds people while one types: asks for the same page with what is filled in, and shows its list in place of this one.
// Without this module the form does the same with its button.

const form = document.getElementById("find");
let waiting, asked;

function address() {
  const fields = [...new FormData(form)].filter(([, value]) => value.trim() !== "");
  const query = new URLSearchParams(fields).toString();
  return form.action + (query ? `?${query}` : "");
}

async function look() {
  const url = address();
  asked?.abort();
  asked = new AbortController();
  try {
    const answer = await fetch(url, { signal: asked.signal, headers: { Accept: "text/html" } });
    if (!answer.ok || answer.redirected) {
      location.assign(url);
      return;
    }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("found");
    if (fresh) {
      // The live region stays where it is, so that a screen reader hears the new count.
      const count = document.getElementById("count");
      const said = fresh.querySelector("#count");
      count.textContent = said.textContent;
      said.replaceWith(count);
      document.getElementById("found").replaceWith(fresh);
      history.replaceState(null, "", url);
    }
  } catch (error) {
    if (error.name !== "AbortError") form.querySelector("button").focus(); // out of reach: the button says so
  }
}

form.addEventListener("input", (event) => {
  clearTimeout(waiting);
  waiting = setTimeout(look, event.target.type === "search" ? 160 : 0);
});
