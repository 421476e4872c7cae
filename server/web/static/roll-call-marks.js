/* The marks of a roll call: what the server has told, and what was made here and is not with it yet. What waits lies in
   the browser's storage, under the user's name, and goes when they sign out. Knows nothing of the page. */

export class Marks {
  #told = new Map(); // holder -> {at, clock, by, how, safe}
  #waiting = []; // {safe: holder} | {undo: holder, at} | {scan: key, code}
  #mine = new Map(); // holder -> safe, as it will be once what waits has arrived
  #place;

  constructor(user, number) {
    this.#place = `roll-call ${user} ${number}`;
    this.read();
  }

  /* What waits, as it lies in storage: another page may have sent it, or signing out wiped it. */
  read() {
    try {
      this.#waiting = JSON.parse(localStorage.getItem(this.#place) ?? "[]");
    } catch {
      this.#waiting ??= []; // no storage here: it lives as long as the page
    }
    this.#count();
  }

  /* Takes the server's marks; gives the holders that they are of. */
  take(rows) {
    for (const [holder, at, clock, by, how, safe] of rows) this.#told.set(holder, { at, clock, by, how, safe: Boolean(safe) });
    return rows.map(([holder]) => holder);
  }

  of(holder) {
    return this.#told.get(holder);
  }

  isSafe(holder) {
    return this.#mine.get(holder) ?? this.#told.get(holder)?.safe ?? false;
  }

  isMine(holder) {
    return this.#mine.has(holder);
  }

  get waiting() {
    return this.#waiting.length;
  }

  tick(holders) {
    for (const holder of holders) {
      const taken = this.#waiting.findIndex((one) => one.undo === holder);
      if (taken >= 0) this.#waiting.splice(taken, 1);
      else if (!this.isSafe(holder)) this.#waiting.push({ safe: holder });
    }
    this.#keep();
  }

  /* Takes back what is still here, or asks the server to take back the mark that is known. */
  undo(holder) {
    const here = this.#waiting.findIndex((one) => one.safe === holder);
    if (here >= 0) this.#waiting.splice(here, 1);
    else if (this.#told.get(holder)?.safe) this.#waiting.push({ undo: holder, at: this.#told.get(holder).at });
    this.#keep();
  }

  scan(code) {
    const key = crypto.randomUUID?.() ?? `${Date.now()} ${Math.random()}`;
    this.#waiting.push({ scan: key, code });
    this.#keep();
    return key;
  }

  /* What to post now: {body, sent}, or null. ``sent`` is what to forget once it was taken. */
  letter() {
    const sent = this.#waiting.slice(0, 100);
    if (!sent.length) return null;
    const pick = (name, value) => sent.filter((one) => name in one).map(value);
    const body = { safe: pick("safe", (one) => one.safe), undo: pick("undo", (one) => [one.undo, one.at]), scans: pick("scan", (one) => [one.scan, one.code]) };
    return { body, sent };
  }

  /* It was taken, or is never going to be. Until the server tells its marks, they are as they were sent. */
  forget(sent, { user = "", clock = "", taken = false } = {}) {
    for (const one of taken ? sent : []) {
      const holder = one.safe ?? one.undo;
      if (holder === undefined || this.#told.get(holder)?.safe === "safe" in one) continue;
      this.#told.set(holder, { at: 0, clock, by: user, how: "tick", safe: "safe" in one });
    }
    const gone = new Set(sent.map((one) => JSON.stringify(one)));
    this.#waiting = this.#waiting.filter((one) => !gone.has(JSON.stringify(one)));
    this.#keep();
  }

  /* Nothing is left, of this page or any other of the user. */
  wipe() {
    this.#waiting = [];
    this.#told.clear();
    this.#count();
    try {
      for (const name of Object.keys(localStorage)) if (name.startsWith("roll-call ")) localStorage.removeItem(name);
    } catch { /* no storage here */ }
  }

  #keep() {
    this.#count();
    try {
      if (this.#waiting.length) localStorage.setItem(this.#place, JSON.stringify(this.#waiting));
      else localStorage.removeItem(this.#place);
    } catch { /* no storage here */ }
  }

  #count() {
    this.#mine = new Map(this.#waiting.filter((one) => !one.scan).map((one) => [one.safe ?? one.undo, "safe" in one]));
  }
}
