/* The list of a roll call: who is on it, in groups, searched in any script. Writes elements; decides nothing. */

const STROKES = { đ: "d", ħ: "h", ł: "l", ø: "o", ŧ: "t", ı: "i" };
const SVG = "http://www.w3.org/2000/svg";

/* As the server folds names (server.columns.search_text), so that both find the same. */
export function folded(text) {
  const plain = text.normalize("NFKD").toUpperCase().toLowerCase().normalize("NFKD").replace(/\p{Mn}/gu, "");
  return plain.replace(/[đħłøŧı]/g, (sign) => STROKES[sign]);
}

export class List {
  people = new Map(); // holder -> person
  rooms = []; // [id, name, the outer room, unbadged, perhaps]
  companions = []; // [room, delegation, bodies]
  #items = new Map(); // holder -> {element, state}

  constructor(page, marks, word) {
    this.page = page;
    this.marks = marks;
    this.word = word;
    this.order = new Intl.Collator(document.documentElement.lang).compare;
  }

  /* Takes the server's news; whether anybody came, went or moved. */
  take({ full, rooms, companions, texts, people, gone }) {
    if (full) this.people.clear();
    for (const holder of gone) this.people.delete(holder);
    for (const [holder, name, organisation, delegation, room, left, away, absent] of people) {
      const said = (place) => texts[place ?? 0];
      const one = { holder, name: name ?? "", organisation: said(organisation), delegation: said(delegation), room: said(room) };
      Object.assign(one, { left: said(left), away: said(away), absent: Boolean(absent) });
      one.title = one.name || this.word(holder < 0 ? "unknown" : "erased", { number: Math.abs(holder) });
      one.search = folded(`${one.title} ${one.organisation} ${one.delegation}`);
      one.sorting = folded(one.title);
      this.people.set(holder, one);
      this.#items.delete(holder);
    }
    const moved = full || people.length || gone.length || JSON.stringify([rooms, companions]) !== this.told;
    this.told = JSON.stringify([rooms, companions]);
    [this.rooms, this.companions] = [rooms, companions];
    return Boolean(moved);
  }

  /* Who is on the list, that is, counted inside. */
  get listed() {
    return [...this.people.values()].filter((one) => !one.absent);
  }

  /* Who is shown: by the words looked for, and who is safe or not as it was when the view was chosen. */
  choose({ q, show }, before = new Set()) {
    const words = folded(q).split(/\s+/).filter(Boolean);
    const fits = (one) => {
      const safe = this.marks?.isSafe(one.holder) ?? false;
      return (show === "all" || before.has(one.holder) || safe === (show === "safe")) && words.every((word) => one.search.includes(word) || word === String(Math.abs(one.holder)));
    };
    return [...this.people.values()].filter(fits).sort((a, b) => this.order(a.sorting, b.sorting) || a.holder - b.holder);
  }

  groups(people, by) {
    const places = new Map(this.rooms.map(([id, name], rank) => [id, { rank, name }]));
    const found = new Map();
    for (const one of people) {
      const key = by === "delegation" ? one.delegation : one.absent ? "" : one.room;
      if (!found.has(key)) found.set(key, []);
      found.get(key).push(one);
    }
    const rank = (key) => (by === "delegation" ? (key ? 0 : 1) : (places.get(key)?.rank ?? (key ? 1e6 : 1e7)));
    const name = (key) => (by === "delegation" ? key || this.word("alone") : (places.get(key)?.name ?? this.word(key ? "lost-room" : "absent")));
    return [...found].map(([key, theirs]) => ({ key, name: name(key), people: theirs })).sort((a, b) => rank(a.key) - rank(b.key) || this.order(folded(a.name), folded(b.name)));
  }

  /* The element of a person, made anew only if something about them has changed. */
  item(one, by, how) {
    const mark = this.marks?.of(one.holder);
    const safe = this.marks?.isSafe(one.holder) ?? false;
    const mine = this.marks?.isMine(one.holder) ?? false;
    const state = JSON.stringify([by, how, safe, mine, safe && mark]);
    const known = this.#items.get(one.holder);
    if (known?.state === state) return known.element;
    const element = make("li", "person");
    element.dataset.holder = one.holder;
    element.toggleAttribute("data-safe", safe);
    element.toggleAttribute("data-mine", mine);
    const who = make("span", "who", make("b", "", bdi(one.title)), make("small", "", ...this.#facts(one, by)));
    if (how === "now") element.append(who);
    else if (safe) this.#safe(element, who, mark, mine, how);
    else this.#open(element, who, how);
    known?.element.replaceWith(element);
    this.#items.set(one.holder, { element, state });
    return element;
  }

  #safe(element, who, mark, mine, how) {
    const word = mine ? "mine" : mark.how === "scan" ? "scanned" : "safe";
    who.prepend(make("span", "box", icon("state-done")));
    who.append(make("small", "said", this.word(word, { time: mark?.clock, name: mark?.by })));
    element.append(who);
    if (how === "running") element.append(button("quiet undo", this.word("undo")));
  }

  #open(element, who, how) {
    const box = make("span", "box");
    if (how !== "running") return element.append(make("span", "mark", box, who));
    element.append(make("button", "mark", box, who));
    element.firstChild.type = "button";
  }

  /* On paper the organisation is left out where there is a delegation or a room to tell people by. */
  #facts(one, by) {
    const room = this.rooms.find(([id]) => id === one.room)?.[1] ?? "";
    const facts = [by === "delegation" ? room : one.delegation].filter(Boolean).map(bdi);
    if (one.left) facts.push(this.word("left", { time: one.left }));
    if (one.away) facts.push(this.word("away", { room: one.away }));
    const told = facts.flatMap((fact, place) => (place ? [" · ", fact] : [fact]));
    if (!one.organisation) return told;
    return told.length ? [make("span", "aloud", bdi(one.organisation), " · "), ...told] : [bdi(one.organisation)];
  }
}

export function make(name, look, ...children) {
  const element = document.createElement(name);
  if (look) element.className = look;
  element.append(...children);
  return element;
}

export function button(look, text) {
  const element = make("button", look, text);
  element.type = "button";
  return element;
}

function bdi(text) {
  return make("bdi", "", text);
}

function icon(name) {
  const drawn = document.createElementNS(SVG, "svg");
  drawn.setAttribute("class", "icon");
  drawn.setAttribute("aria-hidden", "true");
  drawn.append(document.createElementNS(SVG, "use"));
  drawn.firstChild.setAttribute("href", `#${name}`);
  return drawn;
}
