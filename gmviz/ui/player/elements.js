// The elements around the canvas: buttons, scrub bar, menu, table.

/** An element with properties, `on...` handlers bound to `signal`, `aria-...` and `data-...` attributes, and children. */
export function element(tag, properties = {}, children = [], signal = undefined) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value, { signal });
    else if (name.includes("-") || name === "role" || name === "for") node.setAttribute(name, value);
    else node[name] = value;
  }
  node.append(...children);
  return node;
}

const SHAPES = {
  play: "M8 5v14l11-7z",
  pause: "M7 5h4v14H7zM14 5h4v14h-4z",
  back: "M6 5h2v14H6zM19 5v14l-9-7z",
  forth: "M16 5h2v14h-2zM5 5v14l9-7z",
  loop: "M7 7h9v3l4-4-4-4v3H5v7h2zM17 17H8v-3l-4 4 4 4v-3h11v-7h-2z",
  more: "M5 10a2 2 0 1 0 0 4 2 2 0 0 0 0-4zM12 10a2 2 0 1 0 0 4 2 2 0 0 0 0-4zM19 10a2 2 0 1 0 0 4 2 2 0 0 0 0-4z",
};

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", SHAPES[name]);
  svg.append(path);
  return svg;
}

const SPEEDS = [0.25, 0.5, 1, 2, 4];

/** The controls; `act` holds what each of them does. */
export class Controls {
  constructor(act, signal) {
    const button = (className, label, shape, onclick) =>
      element("button", { type: "button", className, title: label, "aria-label": label, onclick }, [icon(shape)], signal);
    this.playButton = button("play", "Play", "play", act.toggle);
    this.back = button("step", "One step back", "back", () => act.step(-1));
    this.forth = button("step", "One step on", "forth", () => act.step(1));
    this.scrub = element(
      "input",
      { type: "range", className: "scrub", min: 0, step: "any", oninput: () => act.seek(Math.round(this.scrub.value)) },
      [],
      signal,
    );
    this.readout = element("output", { className: "readout" });
    this.speed = element(
      "select",
      { className: "speed", title: "Speed", "aria-label": "Speed", onchange: () => act.speed(Number(this.speed.value)) },
      SPEEDS.map((x) => element("option", { value: String(x), textContent: `${x}×`, selected: x === 1 })),
      signal,
    );
    this.loop = button("loop", "Repeat", "loop", act.loop);
    this.menu = element("div", { className: "menu", hidden: true });
    this.more = button("more", "More: picture, film, link, full screen", "more", () => this.openMenu(this.menu.hidden));
    this.items = {};
    for (const [name, text] of [
      ["link", "Copy link"],
      ["picture", "Save picture (PNG)"],
      ["film", "Save film (WebM)"],
      ["full", "Full screen"],
      ["rate", "Show frame rate"],
    ]) {
      const onclick = () => {
        this.openMenu(false);
        act[name]();
      };
      this.items[name] = element("button", { type: "button", textContent: text, onclick }, [], signal);
      this.menu.append(this.items[name]);
    }
    this.status = element("span", { className: "status", role: "status" });
    const side = element("div", { className: "side" }, [this.speed, this.loop, this.more, this.menu]);
    this.bar = element("div", { className: "bar", role: "group", "aria-label": "Player" }, [
      this.back,
      this.playButton,
      this.forth,
      element("div", { className: "track" }, [this.scrub]),
      this.readout,
      side,
      this.status,
    ]);
  }

  openMenu(open) {
    this.menu.hidden = !open;
    this.more.setAttribute("aria-expanded", String(open));
    if (open) this.menu.querySelector("button:not([hidden])").focus();
  }

  /** Show where the play-head is; `name` is the swept quantity's, `text` its value in words and units. */
  show({ position, last, text, playing, name }) {
    this.scrub.max = String(last);
    this.scrub.value = String(position);
    this.scrub.style.setProperty("--share", `${last ? (100 * position) / last : 0}%`);
    this.readout.textContent = text;
    if (this.shownPlaying === playing && this.shownText === text) return;
    this.scrub.setAttribute("aria-label", name);
    this.scrub.setAttribute("aria-valuetext", text);
    this.shownText = text;
    if (this.shownPlaying === playing) return;
    this.shownPlaying = playing;
    const label = playing ? "Pause" : "Play";
    this.playButton.replaceChildren(icon(playing ? "pause" : "play"));
    this.playButton.title = label;
    this.playButton.setAttribute("aria-label", label);
  }

  hold(veiled) {
    for (const each of [this.playButton, this.back, this.forth, this.scrub, this.items.film]) each.disabled = veiled;
    this.scrub.title = veiled ? "Answer or skip the question first" : "";
  }
}

/** The present numbers as a table and, at rest, as a spoken sentence; both only for screen readers. */
export class Numbers {
  constructor() {
    this.body = element("tbody");
    const head = element("tr", {}, ["Quantity", "Value", "Unit"].map((text) => element("th", { scope: "col", textContent: text })));
    this.caption = element("caption");
    this.table = element("table", {}, [this.caption, element("thead", {}, [head]), this.body]);
    this.spoken = element("p", { "aria-live": "polite" });
    this.node = element("div", { className: "unseen" }, [this.table, this.spoken]);
  }

  show(caption, rows) {
    this.caption.textContent = caption;
    this.body.replaceChildren(
      ...rows.map((row) => element("tr", {}, row.map((text, i) => element(i ? "td" : "th", { textContent: text, ...(i ? {} : { scope: "row" }) })))),
    );
  }

  say(sentence) {
    if (this.spoken.textContent !== sentence) this.spoken.textContent = sentence;
  }
}
