// The door's sounds: plays the one that the kiosk names, once for each answer. The kiosk makes them, and says how loud.

const context = new AudioContext();
const made = new Map(); // name -> what the kiosk has made of it

let heard;

export function sound(face) {
  const before = heard;
  heard = face.answer;
  if (before === undefined || before === face.answer || !face.sound) return; // nothing new, or silence
  play(face.sound);
}

export async function play(name) {
  document.documentElement.dataset.played = name;
  try {
    if (context.state === "suspended") await context.resume();
    if (!made.has(name)) made.set(name, await load(name));
    const source = context.createBufferSource();
    source.buffer = made.get(name);
    source.connect(context.destination);
    source.start();
  } catch (problem) {
    console.info(`no sound: ${problem.message}`); // a machine without a loudspeaker still has a screen
  }
}

async function load(name) {
  const answer = await fetch(`/sounds/${name}.wav`);
  if (!answer.ok) throw new Error(`${answer.status}`);
  return context.decodeAudioData(await answer.arrayBuffer());
}
