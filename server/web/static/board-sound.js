/* The board's sounds, made here of plain tones: two rising for a room that is nearly full, three for a full one, a
   falling pair, twice, for one over its limit and for a grave incident. Off until somebody switches them on, as
   browsers want it; the choice is kept in this browser. */

const KEPT = "board-sound";
const TONES = { tight: [523, 659], full: [659, 784, 988], over: [988, 587, 988, 587] }; // Hz
const TONE_S = 0.16;
const GAP_S = 0.04;
const APART_MS = 3_000; // so that many rooms at once are one alarm
const LOUD = 0.25;

let sound; // the AudioContext, while sounds are on
let rung = -Infinity;

/* Sounds the alarm of a level, if sounds are on. */
export function ring(level) {
  const now = performance.now();
  if (!sound || !TONES[level] || now - rung < APART_MS) return;
  rung = now;
  TONES[level].forEach((hertz, place) => tone(hertz, sound.currentTime + place * (TONE_S + GAP_S)));
}

function tone(hertz, at) {
  const source = sound.createOscillator();
  const volume = sound.createGain();
  source.type = "triangle";
  source.frequency.value = hertz;
  volume.gain.setValueAtTime(0, at);
  volume.gain.linearRampToValueAtTime(LOUD, at + 0.02);
  volume.gain.setValueAtTime(LOUD, at + TONE_S - 0.04);
  volume.gain.linearRampToValueAtTime(0, at + TONE_S);
  source.connect(volume).connect(sound.destination);
  source.start(at);
  source.stop(at + TONE_S);
}

/* Makes the page's button work, where there is one. */
export function offer(page, word) {
  const button = page.querySelector("[data-sound]");
  if (!button || !globalThis.AudioContext) return;
  button.hidden = false;
  button.onclick = () => set(!sound);
  if (localStorage.getItem(KEPT) === "on") set(true);

  function set(on) {
    if (on) {
      sound = new AudioContext();
      sound.resume(); // waits for the first press of anything, if the browser wants one
      addEventListener("pointerdown", () => sound?.resume(), { once: true });
    } else {
      sound?.close();
      sound = undefined;
    }
    localStorage.setItem(KEPT, on ? "on" : "off");
    button.setAttribute("aria-pressed", String(on));
    button.querySelector("[data-sound-word]").textContent = word(on ? "sound-on" : "sound-off");
    button.querySelector("[data-sound-shape]").setAttribute("href", on ? "#sound-on" : "#sound-off");
    if (on) ring("tight");
  }
}
