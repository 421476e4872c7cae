/* The scanner of a roll call: reads badges with the camera and shows what became of each. The camera and the code reader
   are loaded when somebody scans, not before: they weigh more than all the rest. */

const SAME_MS = 4_000; // a badge that stays before the camera is read once

export class Scanner {
  #camera;
  #last = { text: "", at: 0 };
  #waits = new Set(); // keys of codes whose answer is to come

  /* ``read`` gets the text of a badge, and gives the key that its answer will have. */
  constructor(page, word, read) {
    this.find = (name) => page.querySelector(`[data-${name}]`);
    this.word = word;
    this.read = read;
    this.find("thumbs").hidden = false;
    this.find("scan-start").onclick = () => this.start();
    this.find("scan-stop").onclick = () => this.stop(true);
    this.find("scan-again").onclick = () => this.#camera?.start();
  }

  async start() {
    this.find("scanner").hidden = false;
    this.find("scanner").scrollIntoView({ block: "start" });
    this.find("thumbs").hidden = true;
    if (!this.#camera) {
      const { Camera } = await import("./courier-camera.js").catch(() => ({}));
      if (!Camera) return this.#write("camera", this.word("broken"));
      this.#camera = new Camera(this.find("video"), (text) => this.#see(text), () => this.#writeCamera());
    }
    this.#camera.start();
  }

  /* ``again``: it may be begun again. */
  stop(again) {
    this.#camera?.stop();
    this.find("scanner").hidden = true;
    this.find("thumbs").hidden = !again;
  }

  /* The page is looked at again, or no longer. */
  turn(hidden) {
    if (hidden) this.#camera?.stop();
    else if (!this.find("scanner").hidden) this.#camera?.start();
  }

  /* The server's answers to codes: {key, seen, name}. */
  hear(answers) {
    for (const one of answers) if (this.#waits.delete(one.key)) this.#show(one);
  }

  #see(text) {
    const now = performance.now();
    const same = text === this.#last.text && now - this.#last.at < SAME_MS;
    this.#last = { text, at: now };
    if (same) return;
    if (!text.startsWith("TB") || text.length > 200) return this.#show({ seen: "foreign" });
    this.#show({ seen: "kept" });
    this.#waits.add(this.read(text));
  }

  #show({ seen, name = "" }) {
    this.find("scan").dataset.seen = seen;
    this.#write("scan-name", name);
    this.#write("scan-word", this.word(`scan-${seen}`));
    navigator.vibrate?.(seen === "safe" ? 60 : seen === "kept" ? 15 : [60, 60, 60]);
  }

  #writeCamera() {
    this.#write("camera", this.word(this.#camera.state));
    this.find("scan-again").hidden = !["refused", "absent", "taken"].includes(this.#camera.state);
  }

  #write(name, text) {
    if (this.find(name).textContent !== text) this.find(name).textContent = text;
  }
}
