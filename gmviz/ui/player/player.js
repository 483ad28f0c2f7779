// The player: one canvas, one clock, one row of controls. Streamlit calls the default export with every new datum.

import { Clock } from "./clock.js";
import { Controls, Numbers, element } from "./elements.js";
import { Film, copyText, fileName, linkTo, savePicture } from "./exports.js";
import { HandleButtons } from "./handles.js";
import { Input } from "./input.js";
import { axisPosition, axisValue } from "./interpolate.js";
import { Moves } from "./moves.js";
import { readPanel } from "./probe.js";
import { valueFormatter } from "./ticks.js";
import { numeralText } from "./tracks.js";
import { unpackMessage } from "./unpack.js";
import { View } from "./view.js";

class Player {
  constructor(root) {
    this.root = root;
    this.stop = new AbortController();
    this.clock = new Clock(1, 1);
    this.moves = new Moves((moved) => this.setStateValue("moved", moved));
    this.probe = null;
    this.visible = true;
    this.drawn = { count: 0, since: 0 };
    this.tick = this.tick.bind(this);
    this.build();
    this.watch();
  }

  // ---- elements and events ----

  build() {
    const signal = this.stop.signal;
    const canvas = element("canvas");
    this.picture = element("div", { className: "picture", tabIndex: 0, role: "img" }, [canvas]);
    this.controls = new Controls(this.actions(), signal);
    this.numbers = new Numbers();
    this.rate = element("div", { className: "rate", hidden: true });
    this.error = element("div", { className: "error", role: "alert", hidden: true });
    this.stage = element("div", { className: "gmviz-player" }, [this.picture, this.controls.bar, this.rate, this.numbers.node, this.error]);
    const drags = { moved: (...move) => this.moved(...move), grabbed: (held) => this.grab(held), dropped: () => this.moves.drop() };
    this.handles = new HandleButtons(this.picture, drags, signal);
    this.view = new View(this.stage, canvas);
    this.input = new Input(this, signal);
    this.root.append(this.stage);
  }

  actions() {
    return {
      toggle: () => this.toggle(),
      step: (by) => this.go(() => this.clock.step(by)),
      seek: (position) => this.go(() => this.clock.seek(position)),
      speed: (speed) => (this.clock.speed = speed),
      loop: () => this.repeat(),
      link: () => this.copyLink(),
      picture: () => this.attempt(() => savePicture(this.view.canvas, fileName(this.words(), "png"))),
      film: () => this.attempt(() => this.record()),
      full: () => this.attempt(() => (document.fullscreenElement ? document.exitFullscreen() : this.stage.requestFullscreen())),
      rate: () => this.showRate(),
    };
  }

  watch() {
    const signal = this.stop.signal;
    document.addEventListener("fullscreenchange", () => this.arrange(), { signal });
    document.fonts?.addEventListener("loadingdone", () => this.arrange(), { signal });
    this.motion = window.matchMedia("(prefers-reduced-motion: reduce)");
    this.resized = new ResizeObserver(() => this.arrange());
    this.resized.observe(this.stage);
    this.seen = new IntersectionObserver(([entry]) => {
      this.visible = entry.isIntersecting;
      this.wake();
    });
    this.seen.observe(this.stage);
  }

  destroy() {
    this.stop.abort();
    this.moves.stop();
    this.resized.disconnect();
    this.seen.disconnect();
    if (this.film) this.film.stop(true);
    cancelAnimationFrame(this.frame);
    this.frame = null;
    this.gone = true;
    this.view.free();
    this.stage.remove();
  }

  // ---- data ----

  /** New data or a new theme; an error is shown in place of the picture until good data comes. */
  update({ data, setStateValue }) {
    this.setStateValue = setStateValue;
    this.guarded(() => {
      if (data !== this.data) {
        const { options, animation } = unpackMessage(data);
        this.accept(options, animation);
        this.data = data;
      }
      this.broken = false;
      this.error.hidden = true;
      this.stage.classList.remove("broken");
      this.arrange();
      this.report();
      if (this.clock.playing) this.wake();
    });
  }

  accept(options, animation) {
    const before = this.accepted && { ...this.accepted, value: axisValue(this.accepted.axis, this.clock.position) };
    Object.assign(this, { options, animation });
    this.view.load(animation, options.veiled);
    this.format = valueFormatter([...animation.axis.values.data], animation.axis.log);
    this.clock.resize(animation.axis.values.data.length, animation.seconds);
    this.place(before);
    this.handles.bind(animation, this.view.painters);
    if (this.moves.answered(options.seen)) this.handles.release();
    this.controls.hold(options.veiled);
    this.controls.items.link.hidden = !options.link;
    if (this.probe && this.probe.panel >= animation.panels.length) this.probe = null;
    this.accepted = { axis: animation.axis, options };
  }

  /** Where the play-head goes with new data: it waits behind a veil, plays when unveiled, and else keeps its value. */
  place(before) {
    const { options, animation, clock } = this;
    const target = options.at === null ? animation.poster : Math.round(axisPosition(animation.axis, options.at));
    const show = () => (this.motion.matches ? clock.seek(target) : clock.playTo(target));
    const another = before && (before.axis.label !== animation.axis.label || before.axis.symbol !== animation.axis.symbol);
    if (options.veiled) clock.seek(before && before.options.veiled && !another ? clock.position : 0);
    else if (!before || before.options.veiled) show();
    else if (another || (options.at !== null && options.at !== before.options.at)) clock.seek(target);
    else {
      clock.position = axisPosition(animation.axis, before.value);
      if (!clock.playing) clock.pause();
    }
  }

  /** The swept quantity at the play-head. */
  value() {
    return axisValue(this.animation.axis, this.clock.position);
  }

  /** "separation D = 8.0" */
  words() {
    const { label, symbol, unit } = this.animation.axis;
    return [label, symbol, "=", this.format(this.value()), unit].filter(Boolean).join(" ");
  }

  // ---- drawing ----

  arrange() {
    if (this.gone || this.broken) return;
    this.guarded(() => this.view.fit() && this.draw());
  }

  draw() {
    const { animation, clock, view } = this;
    view.draw(clock.position, this.probe);
    this.handles.place(view.plan.cells, view.zoom);
    const name = [animation.axis.label, animation.axis.symbol].filter(Boolean).join(" ");
    this.controls.show({ position: clock.position, last: clock.last, text: this.words(), playing: clock.playing, name });
  }

  /** Draw once per display frame while something moves and somebody can see it. */
  wake() {
    if (this.frame || this.gone || this.broken || !this.animation) return;
    this.before = null;
    this.frame = requestAnimationFrame(this.tick);
  }

  tick(now) {
    this.frame = null;
    if (this.gone || this.broken) return;
    this.guarded(() => {
      const played = this.clock.playing;
      this.clock.advance(this.before === null ? 0 : (now - this.before) / 1000);
      this.before = now;
      if (this.view.plan) this.draw();
      this.countFrame(now);
      if (played && !this.clock.playing) this.report();
      if (this.clock.playing && this.visible) this.frame = requestAnimationFrame(this.tick);
    });
  }

  /** Do something of the player's own; if that fails, the picture gives way to the reason. */
  guarded(act) {
    try {
      act();
    } catch (error) {
      this.fail(error);
    }
  }

  countFrame(now) {
    this.drawn.count++;
    if (now - this.drawn.since < 1000) return;
    const rate = (1000 * this.drawn.count) / (now - this.drawn.since);
    if (this.clock.playing) this.rate.textContent = `${rate.toFixed(0)} pictures/s`;
    this.drawn = { count: 0, since: now };
  }

  fail(error) {
    this.clock.pause();
    this.broken = true;
    this.data = null;
    this.stage.classList.add("broken");
    this.error.hidden = false;
    this.error.textContent = `This picture could not be drawn: ${error.message}. It comes back with the next change that works.`;
    console.warn("player:", error);
  }

  /** At rest: the table and the spoken sentence for screen readers. */
  report() {
    const { animation, clock, options } = this;
    const { label, symbol, unit } = animation.axis;
    const rows = animation.tracks.map((track) => {
      const { value, error } = numeralText(track, clock.position, animation.log_tracks, options.veiled);
      return [track.label, [value, error].filter(Boolean).join(" "), track.unit];
    });
    const swept = [[label, symbol].filter(Boolean).join(" "), this.format(this.value()), unit];
    this.numbers.show(`Numbers at ${this.words()}`, [swept, ...rows]);
    this.picture.setAttribute("aria-label", `${animation.panels.map((panel) => panel.title).join("; ")}, at ${this.words()}`);
    if (!clock.playing) this.numbers.say([this.words(), ...rows.map((row) => row.join(" ").trim())].join(". "));
    this.stage.dataset.state = clock.playing ? "playing" : "paused";
    this.stage.dataset.at = String(this.value());
  }

  // ---- what a visitor does ----

  /** Change the clock, then show it. */
  go(change) {
    if (this.broken || this.options.veiled || this.film) return;
    change();
    this.report();
    this.wake();
  }

  toggle() {
    this.go(() => (this.clock.playing ? this.clock.pause() : this.clock.play()));
  }

  rest() {
    if (this.clock.playing) this.go(() => this.clock.pause());
  }

  repeat() {
    this.clock.loop = !this.clock.loop;
    this.controls.loop.setAttribute("aria-pressed", String(this.clock.loop));
  }

  setProbe(probe) {
    if (!probe && !this.probe) return;
    this.probe = probe;
    const panel = probe && this.animation.panels[probe.panel];
    this.stage.dataset.probe = panel ? readPanel(this.animation, panel, this.clock.position, probe.x, probe.y).join("; ") : "";
    this.wake();
  }

  grab(held) {
    if (held) this.moves.hold();
    this.setProbe(null);
    this.rest();
  }

  moved(name, x, y) {
    this.moves.move(name, x, y, this.value());
    this.wake();
  }

  showRate() {
    this.rate.hidden = !this.rate.hidden;
    this.controls.items.rate.textContent = this.rate.hidden ? "Show frame rate" : "Hide frame rate";
    if (!this.rate.textContent) this.rate.textContent = "press play";
  }

  // ---- what a visitor takes away ----

  /** Do something that the browser may refuse, and say so if it does. */
  async attempt(act) {
    try {
      await act();
    } catch (error) {
      this.tell(`Not possible: ${error.message}`);
    }
  }

  tell(text) {
    this.controls.status.textContent = text;
    clearTimeout(this.told);
    this.told = setTimeout(() => (this.controls.status.textContent = ""), 4000);
  }

  async copyLink() {
    const at = String(Number(this.value().toPrecision(6)));
    const text = linkTo(window.location.origin + window.location.pathname, this.options.link, at);
    this.tell((await copyText(text, this.stage)) ? "Link copied" : text);
  }

  /** Play the whole run once from its start and save what the canvas showed. */
  async record() {
    if (this.film || this.options.veiled) return;
    const { clock } = this;
    const { speed, loop } = clock;
    const back = Math.round(clock.position);
    this.film = new Film(this.view.canvas, fileName(this.animation.axis.label, "webm"));
    this.tell("Recording one run");
    try {
      Object.assign(clock, { speed: 1, loop: false });
      clock.seek(0);
      clock.play();
      this.wake();
      while (clock.playing && !this.gone) await new Promise((resolve) => setTimeout(resolve, 50));
      await new Promise((resolve) => setTimeout(resolve, 250));
      await this.film.stop();
      this.tell("Film saved");
    } finally {
      this.film = null;
      Object.assign(clock, { speed, loop });
      if (!this.gone) this.go(() => clock.seek(back));
    }
  }
}

const players = new WeakMap();

/** Streamlit's entry: builds the player at its first call, hands it the data at every call; returns the clean-up. */
export default function play(component) {
  const root = component.parentElement;
  if (!players.has(root)) players.set(root, new Player(root));
  players.get(root).update(component);
  return () => {
    const player = players.get(root);
    if (player) player.destroy();
    players.delete(root);
  };
}
