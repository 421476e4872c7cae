/* Takes held letters to the server: at once, and again with growing pauses while it is not reached.
   Loses nothing: a letter is only ever marked, never dropped. Knows neither the camera nor the page's looks. */

import { due } from "./courier-letters.js";

const PATIENCE_MS = 20_000; // for one answer
const FIRST_PAUSE_MS = 2_000;
const LONGEST_PAUSE_MS = 60_000;
const NO_WORDS = { what: "", do: "" };

class Unreached extends Error {}

export class Post {
  line = "asking"; // asking, reached, down, busy (the server is there but says "later"), out (it wants a sign-in)
  says; // {what, do}: the server's own words about the line, if it had any
  #letters;
  #told;
  #token;
  #timer;
  #pause = FIRST_PAUSE_MS;
  #busy = false;
  #again = false;

  /* ``told`` is called whenever the line or a letter has changed, with the letter if it was answered. */
  constructor(letters, address, token, told) {
    this.#letters = letters;
    this.address = address;
    this.#token = token;
    this.#told = told;
  }

  /* Tries now whatever is due. ``anew``: asks first whether the server is there and who is signed in. */
  async go(anew = this.line !== "reached") {
    if (this.#busy) {
      this.#again ||= anew ? "anew" : "on";
      return;
    }
    this.#busy = true;
    clearTimeout(this.#timer);
    await this.#round(anew).catch((problem) => this.#lost(problem));
    this.#busy = false;
    const again = this.#again;
    this.#again = false;
    if (again) return this.go(again === "anew");
    if (this.line !== "down" && this.line !== "busy") return;
    this.#timer = setTimeout(() => this.go(), this.#pause * (0.75 + Math.random() / 2));
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE_MS);
  }

  /* The device says that it has a network again, or a person asks: no reason to sit out a long pause. */
  hurry() {
    this.#pause = FIRST_PAUSE_MS;
    return this.go(true);
  }

  /* The device says that it has no network. */
  down() {
    this.#mark("down");
  }

  async #round(anew) {
    if (anew) this.#mark((await this.#ask()) ? "reached" : "out");
    for (let letter; this.line === "reached" && (letter = this.#letters.all().find(due)); ) await this.#send(letter);
    if (this.line === "reached") this.#pause = FIRST_PAUSE_MS;
  }

  #lost(problem) {
    this.#mark(problem.cause ? "busy" : "down", problem.cause);
    if (!(problem instanceof Unreached)) console.error(problem);
  }

  #mark(line, says) {
    this.line = line;
    this.says = says;
    this.#told();
  }

  /* Whether the page would open now. A page that was open for long holds an old token; a new one is taken from it. */
  async #ask() {
    const answer = await this.#fetch(location.pathname, { cache: "no-store" });
    if (!answer.ok) return false;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const token = page.querySelector('meta[name="csrf-token"]')?.content;
    if (token) this.#token = token;
    return Boolean(token);
  }

  async #send(letter) {
    const frames = Object.values(letter.frames);
    let answer = await this.#put(frames);
    if (answer.status === 400 || answer.status === 403) {
      if (!(await this.#ask())) return this.#mark("out");
      if (answer.status === 400) answer = await this.#put(frames); // perhaps it was the token, which is fresh now
    }
    if (answer.type === "opaqueredirect" || answer.status === 401) return this.#mark("out", await said(answer));
    if (!answer.ok) {
      await this.#letters.change(letter.key, { refusal: (await said(answer)) ?? NO_WORDS, asked: false });
      return this.#told(this.#letters.get(letter.key));
    }
    const told = await answer.json().catch(() => { throw new Unreached(); });
    await this.#letters.change(letter.key, { answer: told, sent: frames.length, asked: false, answered: Date.now() });
    await this.#letters.discardBefore(letter);
    return this.#told(this.#letters.get(letter.key));
  }

  #put(frames) {
    const headers = { "Content-Type": "application/json", Accept: "application/json", "X-CSRFToken": this.#token };
    return this.#fetch(this.address, { method: "POST", headers, body: JSON.stringify({ frames }) });
  }

  /* Raises Unreached if there is no answer, or only one that says "later". */
  async #fetch(address, how) {
    let answer;
    try {
      answer = await fetch(address, { ...how, redirect: "manual", signal: AbortSignal.timeout(PATIENCE_MS) });
    } catch {
      throw new Unreached();
    }
    if (answer.status >= 500 || answer.status === 429) throw new Unreached("", { cause: (await said(answer)) ?? NO_WORDS });
    return answer;
  }
}

/* The server's sentences, or null: a proxy on the way has other words. */
async function said(answer) {
  const told = await answer.json().catch(() => null);
  return told?.what ? { what: told.what, do: told.do ?? "" } : null;
}
