/* Keeps the courier page and all that it needs, so that it opens without a network. From the network whenever it
   answers in time: a kept page is for want of a better one. Answers of the server to letters are never kept. */

const KEPT = "courier";
const PAGE = "/courier";
const PATIENCE_MS = 4_000; // a network that hangs is as good as none
const PARTS = [
  "threshold.css", "courier.css", "favicon.svg",
  "page.js", "courier.js", "courier-camera.js", "courier-letters.js", "courier-post.js",
  "vendor/zxing-wasm/share.js", "vendor/zxing-wasm/reader/index.js", "vendor/zxing-wasm/reader/zxing_reader.wasm",
].map((name) => `/static/${name}`);

self.addEventListener("install", (event) => {
  self.skipWaiting();
  event.waitUntil(Promise.all([PAGE, ...PARTS].map((path) => fetched(new Request(path, { cache: "no-cache" })))));
});

self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== self.location.origin) return;
  if (!(request.mode === "navigate" ? pathname === PAGE : PARTS.includes(pathname))) return;
  event.respondWith(answered(event));
});

async function answered(event) {
  const fresh = fetched(event.request);
  event.waitUntil(fresh.catch(() => {})); // a late answer still renews what is kept
  const late = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS));
  const first = await Promise.race([fresh.catch(() => null), late]);
  if (first && first.status < 500) return first; // also a redirect to the sign-in page
  const kept = await caches.match(new URL(event.request.url).pathname, { cacheName: KEPT });
  return kept ?? fresh;
}

/* The answer of the network, which is kept if it is the thing itself. */
async function fetched(request) {
  const answer = await fetch(request);
  if (answer.ok && !answer.redirected) {
    const kept = await caches.open(KEPT);
    await kept.put(new URL(request.url).pathname, answer.clone());
  }
  return answer;
}
