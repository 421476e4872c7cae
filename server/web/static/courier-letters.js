/* What the courier holds: letters read off kiosks, frame by frame, and what the server answered.
   Kept in IndexedDB, so that a reload, a flat battery or a day without network loses nothing.
   Knows neither the camera nor the server. */

const FRAME = /^TR:([A-Z0-9-]{1,64}):([0-9A-F]{6}):([1-9]\d{0,3}):([1-9]\d{0,3}):([0-9A-Z $%*+\-./:]+)$/;

/* The frame that a text is, or null. */
export function frameOf(text) {
  const found = FRAME.exec(text);
  if (!found) return null;
  const [, device, letter] = found;
  const [part, total] = [Number(found[3]), Number(found[4])];
  if (part > total) return null;
  return { key: `${device}:${letter}:${total}`, device: device.toLowerCase(), letter, part, total, text };
}

export const count = (letter) => Object.keys(letter.frames).length;
export const complete = (letter) => count(letter) === letter.total;
export const unsent = (letter) => letter.sent < count(letter);
/* To be posted without being asked again. */
export const due = (letter) => unsent(letter) && !letter.refusal && (complete(letter) || letter.asked);

/* One word for how far a letter is; the page has a sign and a sentence for each. */
export function stateOf(letter) {
  if (letter.refusal) return "refused";
  if (due(letter)) return "waiting";
  if (letter.answer?.svg) return "ready";
  if (!complete(letter)) return letter.answer ? "part" : "reading";
  return "sent";
}

export class Letters {
  #held = new Map();
  #db;
  #full = false;

  /* Opens what is held. Where the browser keeps nothing (``lasting`` is false), all lives only as long as the page. */
  static async open() {
    const letters = new Letters();
    letters.#db = await opened().catch(() => null);
    await letters.refresh();
    return letters;
  }

  get lasting() {
    return Boolean(this.#db) && !this.#full;
  }

  /* Everything held, the latest first. */
  all() {
    return [...this.#held.values()].sort((a, b) => b.changed - a.changed);
  }

  get(key) {
    return this.#held.get(key);
  }

  /* Reads again what is stored: another tab may have written. */
  async refresh() {
    if (!this.#db) return;
    const stored = await this.#do("readonly", (store) => store.getAll());
    this.#held = new Map(stored.map((letter) => [letter.key, letter]));
  }

  /* Holds a frame; false if it was held already. */
  take(frame) {
    const { key, device, part, total, text } = frame;
    const letter = this.#held.get(key) ?? { key, device, total, frames: {}, began: Date.now(), sent: 0 };
    if (letter.frames[part]) return false;
    this.change(key, { ...letter, frames: { ...letter.frames, [part]: text }, changed: Date.now(), refusal: null });
    return true;
  }

  /* Writes some of a letter anew; a letter that was discarded meanwhile stays so. Resolves when it is stored. */
  async change(key, change) {
    const letter = this.#held.get(key);
    if (!letter && !change.frames) return;
    const changed = { ...letter, ...change };
    this.#held.set(key, changed);
    if (this.#db) await this.#do("readwrite", (store) => store.put(changed)).catch(() => (this.#full = true));
  }

  async discard(key) {
    this.#held.delete(key);
    if (this.#db) await this.#do("readwrite", (store) => store.delete(key));
  }

  /* A kiosk's answered letters become waste when a later one is answered: each says all that the one before said. */
  async discardBefore(letter) {
    const waste = ({ key, device, began, answer, total, frames }) =>
      key !== letter.key && device === letter.device && began < letter.began && answer && Object.keys(frames).length === total;
    for (const older of this.all().filter(waste)) await this.discard(older.key);
  }

  async wipe() {
    this.#held.clear();
    if (this.#db) await this.#do("readwrite", (store) => store.clear());
  }

  #do(mode, act) {
    return new Promise((resolve, reject) => {
      const work = this.#db.transaction("letters", mode);
      const asked = act(work.objectStore("letters"));
      work.oncomplete = () => resolve(asked.result);
      work.onerror = work.onabort = () => reject(work.error);
    });
  }
}

function opened() {
  return new Promise((resolve, reject) => {
    const asked = indexedDB.open("courier", 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore("letters", { keyPath: "key" });
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = asked.onblocked = () => reject(asked.error);
  });
}
