// What every page does: a second press of a button never acts twice, and "/" leads to the page's search.

function lock(form, locked) {
  for (const button of form.querySelectorAll("button")) button.disabled = locked;
}

document.addEventListener("submit", ({ target, defaultPrevented }) => {
  if (!defaultPrevented && target.method === "post") setTimeout(lock, 0, target, true);
});
addEventListener("pageshow", () => document.querySelectorAll("form").forEach((form) => lock(form, false)));

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, [contenteditable]");
  if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const search = document.querySelector("main input[type=search]");
  if (!search) return;
  event.preventDefault();
  search.focus();
  search.select();
});
