/* The camera and what it reads: calls ``seen`` with the text of every QR code in the middle of the picture.
   Knows nothing of letters. zxing alone, not the browser's own detector where there is one: one reader on every phone,
   and the one that is tested. */

import { prepareZXingModule, readBarcodes } from "./vendor/zxing-wasm/reader/index.js";

const LOOK_MS = 40; // between two looks; a kiosk shows a frame for some 200 ms
const SIDE = 960; // pixels; more costs time and reads no better
const OPTIONS = {
  formats: ["QRCode"], textMode: "Plain", tryRotate: false, tryInvert: false, maxNumberOfSymbols: 4,
};
const WASM = new URL("./vendor/zxing-wasm/reader/zxing_reader.wasm", import.meta.url).href;

const PROBLEMS = {
  NotAllowedError: "refused", SecurityError: "refused",
  NotFoundError: "absent", OverconstrainedError: "absent",
  NotReadableError: "taken", AbortError: "taken",
};

export class Camera {
  state = "off"; // off, starting, on, or a problem: insecure, refused, absent, taken, broken
  paused = false;
  #video;
  #seen;
  #told;
  #canvas = document.createElement("canvas");
  #run = 0; // counts starts, so that what belongs to an earlier one ends itself

  /* ``seen`` gets every text; ``told`` is called when the state has changed. */
  constructor(video, seen, told) {
    this.#video = video;
    this.#seen = seen;
    this.#told = told;
    prepareZXingModule({ overrides: { locateFile: () => WASM } });
  }

  async start() {
    if (this.state === "on" || this.state === "starting") return;
    if (!window.isSecureContext || !navigator.mediaDevices) return this.#mark("insecure");
    const run = ++this.#run;
    this.#mark("starting");
    try {
      const wanted = { facingMode: { ideal: "environment" }, width: { ideal: 1920 }, height: { ideal: 1080 } };
      const stream = await navigator.mediaDevices.getUserMedia({ video: wanted, audio: false });
      if (run !== this.#run) return release(stream);
      for (const track of stream.getTracks()) track.onended = () => this.#end(run, "taken");
      this.#video.srcObject = stream;
      await this.#video.play();
    } catch (problem) {
      return this.#end(run, PROBLEMS[problem.name] ?? "taken");
    }
    this.#mark("on");
    this.#look(run);
  }

  stop() {
    this.#end(this.#run, "off");
  }

  #end(run, state) {
    if (run !== this.#run) return;
    this.#run += 1;
    release(this.#video.srcObject);
    this.#video.srcObject = null;
    this.#mark(state);
  }

  #mark(state) {
    this.state = state;
    this.#told();
  }

  async #look(run) {
    if (run !== this.#run) return;
    try {
      if (!this.paused && this.#video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) {
        for (const code of await readBarcodes(this.#picture(), OPTIONS)) if (code.isValid) this.#seen(code.text);
      }
    } catch (problem) {
      console.error(problem);
      return this.#end(run, "broken"); // the reader itself could not be loaded
    }
    setTimeout(() => this.#look(run), LOOK_MS);
  }

  /* The square that the viewfinder shows. */
  #picture() {
    const { videoWidth: width, videoHeight: height } = this.#video;
    const from = Math.min(width, height);
    const side = Math.min(from, SIDE);
    if (this.#canvas.width !== side) this.#canvas.width = this.#canvas.height = side;
    const pen = this.#canvas.getContext("2d", { willReadFrequently: true });
    pen.drawImage(this.#video, (width - from) / 2, (height - from) / 2, from, from, 0, 0, side, side);
    return pen.getImageData(0, 0, side, side);
  }
}

function release(stream) {
  for (const track of stream?.getTracks() ?? []) {
    track.onended = null;
    track.stop();
  }
}
