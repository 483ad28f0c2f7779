// The player: one canvas, one clock, one row of controls. Streamlit calls the default export with every new datum.

import { isDark, roundedPath, setFont } from "./canvas.js";
import { Clock } from "./clock.js";
import { Controls, Numbers, element } from "./elements.js";
import { Film, copyText, fileName, linkTo, savePicture } from "./exports.js";
import { drawFrame, drawLegend, drawPanelChrome, legendEntries, projection } from "./frames.js";
import { HandleButtons } from "./handles.js";
import { axisPosition, axisValue, clamp } from "./interpolate.js";
import { arrange } from "./layout.js";
import { Moves } from "./moves.js";
import { painterOf } from "./paint.js";
import { drawProbe, pointAt, readPanel } from "./probe.js";
import { valueFormatter } from "./ticks.js";
import { chartScales, drawChart, drawNumerals, drawPlayHead, formulaText, labelRoom, numeralText } from "./tracks.js";
import { unpackMessage } from "./unpack.js";

const LARGEST_RATIO = 2; // device pixels per CSS pixel

class Player {
  constructor(root) {
    this.root = root;
    this.stop = new AbortController();
    this.clock = new Clock(1, 1);
    this.moves = new Moves((moved) => this.setStateValue("moved", moved));
    this.probe = null;
    this.zoom = 1;
    this.visible = true;
    this.drawn = { count: 0, since: 0 };
    this.tick = this.tick.bind(this);
    this.build();
    this.watch();
  }

  // ---- elements and events ----

  build() {
    const signal = this.stop.signal;
    this.canvas = element("canvas");
    this.ctx = this.canvas.getContext("2d");
    this.backdrop = document.createElement("canvas");
    this.picture = element("div", { className: "picture", tabIndex: 0, role: "img" }, [this.canvas]);
    this.controls = new Controls(this.actions(), signal);
    this.numbers = new Numbers();
    this.rate = element("div", { className: "rate", hidden: true });
    this.error = element("div", { className: "error", role: "alert", hidden: true });
    this.stage = element("div", { className: "gmviz-player" }, [this.picture, this.controls.bar, this.rate, this.numbers.node, this.error]);
    this.handles = new HandleButtons(this.picture, { moved: (...move) => this.moved(...move), grabbed: () => this.rest() }, signal);
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
      picture: () => this.attempt(() => savePicture(this.canvas, fileName(this.words(), "png"))),
      film: () => this.attempt(() => this.record()),
      full: () => this.attempt(() => (document.fullscreenElement ? document.exitFullscreen() : this.stage.requestFullscreen())),
      rate: () => this.showRate(),
    };
  }

  watch() {
    const signal = this.stop.signal;
    const on = (target, kinds, act, options = {}) => {
      for (const kind of kinds) target.addEventListener(kind, act, { signal, ...options });
    };
    on(this.stage, ["keydown"], (event) => this.key(event));
    on(this.stage, ["focusout"], (event) => {
      if (!this.controls.menu.hidden && !this.controls.bar.contains(event.relatedTarget)) this.controls.openMenu(false);
    });
    on(this.picture, ["pointerdown"], (event) => this.press(event));
    on(this.picture, ["pointermove"], (event) => this.point(event));
    on(this.picture, ["pointerup", "pointercancel"], () => (this.scrubbing = false));
    on(this.picture, ["pointerleave"], (event) => {
      if (event.pointerType === "mouse") this.setProbe(null);
    });
    on(document, ["fullscreenchange"], () => this.arrange());
    if (document.fonts) on(document.fonts, ["loadingdone"], () => this.arrange());
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
    this.canvas.width = this.backdrop.width = 0;
    this.stage.remove();
  }

  // ---- data ----

  /** New data or a new theme; an error is shown in place of the picture until good data comes. */
  update({ data, setStateValue }) {
    this.setStateValue = setStateValue;
    try {
      if (data !== this.data) {
        const { options, animation } = unpackMessage(data);
        this.accept(options, animation);
        this.data = data;
      }
      this.error.hidden = true;
      this.stage.classList.remove("broken");
      this.arrange();
      this.report();
      this.wake();
    } catch (error) {
      this.fail(error);
    }
  }

  accept(options, animation) {
    const painters = animation.layers.map(painterOf);
    const before = this.animation && { axis: this.animation.axis, value: this.value(), options: this.options };
    Object.assign(this, { options, animation, painters });
    this.format = valueFormatter([...animation.axis.values.data], animation.axis.log);
    this.entries = legendEntries(animation);
    this.clock.resize(animation.axis.values.data.length, animation.seconds);
    this.place(before);
    this.handles.bind(animation, painters);
    if (this.moves.answered(options.seen)) this.handles.release();
    this.controls.hold(options.veiled);
    this.controls.items.link.hidden = !options.link;
    if (this.probe && this.probe.panel >= animation.panels.length) this.probe = null;
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

  // ---- layout ----

  look() {
    const style = getComputedStyle(this.stage);
    const ground = style.getPropertyValue("--st-background-color").trim();
    const preferred = window.matchMedia("(prefers-color-scheme: dark)").matches;
    const theme = (ground ? isDark(ground) : preferred) ? "dark" : "light";
    const colours = Object.fromEntries(Object.entries(this.animation.theme).map(([name, colour]) => [name, colour[theme]]));
    for (const [name, colour] of Object.entries(colours)) this.stage.style.setProperty(`--${name}`, colour);
    return { theme, ...colours, ground: ground || colours.paper, font: style.fontFamily };
  }

  arrange() {
    if (!this.animation || this.gone) return;
    const full = document.fullscreenElement !== null && this.root.contains(this.stage) && this.stage.matches(":fullscreen");
    const style = getComputedStyle(this.stage);
    const width = this.stage.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    if (width < 40) return;
    const height = window.innerHeight - 24;
    this.zoom = full ? clamp(Math.min(width / 1000, height / 600), 1, 2.5) : 1;
    this.lookNow = this.look();
    const { animation, zoom } = this;
    const panels = animation.panels.map((panel) => ({
      ...panel,
      hasScale: panel.layers.some((i) => animation.layers[i].ramp),
    }));
    const spec = {
      panels,
      numerals: animation.tracks.filter((track) => track.numeral).length,
      tracks: animation.tracks.length,
      legend: this.entries.length > 0,
      formula: animation.formula !== "",
    };
    this.plan = full ? arrange(width / zoom, spec, height / zoom) : arrange(width, spec);
    this.stage.dataset.frames = JSON.stringify(this.plan.cells.map(({ frame }) => frame)); // where tests look
    if (this.plan.chart) this.plan.chart.w -= labelRoom(this.ctx, this.lookNow, animation.tracks);
    this.ratio = clamp(window.devicePixelRatio || 1, 1, LARGEST_RATIO) * zoom;
    const pixels = [Math.round(this.plan.width * this.ratio), Math.round(this.plan.height * this.ratio)];
    for (const canvas of [this.canvas, this.backdrop]) {
      if (canvas.width !== pixels[0]) canvas.width = pixels[0];
      if (canvas.height !== pixels[1]) canvas.height = pixels[1];
    }
    this.canvas.style.width = `${this.plan.width * zoom}px`;
    this.canvas.style.height = `${this.plan.height * zoom}px`;
    this.drawBackdrop();
    this.draw();
  }

  // ---- drawing ----

  drawBackdrop() {
    const { animation, plan, lookNow: look } = this;
    const ctx = this.backdrop.getContext("2d");
    ctx.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    ctx.fillStyle = look.ground;
    ctx.fillRect(0, 0, plan.width, plan.height);
    if (plan.legend) drawLegend(ctx, look, this.entries, plan.legend);
    animation.panels.forEach((panel, i) => {
      drawPanelChrome(ctx, look, animation, panel, plan.cells[i]);
      roundedPath(ctx, plan.cells[i].frame, 6);
      ctx.fillStyle = look.paper;
      ctx.fill();
    });
    if (plan.chart) drawChart(ctx, look, animation, plan.chart, this.options.veiled);
  }

  draw() {
    const { ctx, animation, plan, lookNow: look, painters, clock, options } = this;
    const position = clock.position;
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.drawImage(this.backdrop, 0, 0);
    ctx.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    for (const painter of painters) painter.prepare(position, look);
    animation.panels.forEach((panel, i) => {
      const { frame } = plan.cells[i];
      const place = { frame, to: projection(panel.extent, frame), look, ratio: this.ratio };
      ctx.save();
      roundedPath(ctx, frame, 6);
      ctx.clip();
      for (const layer of panel.layers) painters[layer].draw(ctx, place);
      ctx.restore();
      drawFrame(ctx, look, frame);
    });
    if (plan.chart) drawPlayHead(ctx, look, animation, plan.chart, position, options.veiled);
    if (plan.numerals) drawNumerals(ctx, look, animation, plan.numerals, position, options.veiled);
    if (plan.formula) {
      setFont(ctx, look, 17);
      ctx.fillStyle = look.ink;
      ctx.textAlign = "left";
      ctx.textBaseline = "top";
      ctx.fillText(formulaText(animation, position, options.veiled), plan.formula.x, plan.formula.y + 4);
    }
    if (this.probe) drawProbe(ctx, look, animation, plan.cells, position, this.probe);
    this.handles.place(plan.cells, this.zoom);
    const { label, symbol } = animation.axis;
    const name = [label, symbol].filter(Boolean).join(" ");
    this.controls.show({ position, last: clock.last, text: this.words(), playing: clock.playing, name });
  }

  /** Draw once per display frame while something moves and somebody can see it. */
  wake() {
    if (this.frame || this.gone || !this.animation) return;
    this.before = null;
    this.frame = requestAnimationFrame(this.tick);
  }

  tick(now) {
    this.frame = null;
    if (this.gone) return;
    try {
      const played = this.clock.playing;
      this.clock.advance(this.before === null ? 0 : (now - this.before) / 1000);
      this.before = now;
      if (this.plan) this.draw();
      this.countFrame(now);
      if (played && !this.clock.playing) this.report();
      if (this.clock.playing && this.visible) this.frame = requestAnimationFrame(this.tick);
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
    if (this.options.veiled || this.film) return;
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

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.animation) return;
    if (event.key === "Escape" && !this.controls.menu.hidden) {
      this.controls.openMenu(false);
      this.controls.more.focus();
      return;
    }
    const kind = event.target.tagName;
    if (kind === "SELECT" || (kind === "BUTTON" && [" ", "Enter"].includes(event.key))) return;
    const { clock } = this;
    const page = Math.max(1, Math.round(clock.last / 10));
    const act = {
      " ": () => this.toggle(),
      ArrowRight: () => this.go(() => clock.step(1)),
      ArrowLeft: () => this.go(() => clock.step(-1)),
      ArrowUp: kind === "INPUT" && (() => this.go(() => clock.step(1))),
      ArrowDown: kind === "INPUT" && (() => this.go(() => clock.step(-1))),
      PageUp: kind === "INPUT" && (() => this.go(() => clock.step(page))),
      PageDown: kind === "INPUT" && (() => this.go(() => clock.step(-page))),
      Home: () => this.go(() => clock.seek(0)),
      End: () => this.go(() => clock.seek(clock.last)),
      f: () => this.showRate(),
      F: () => this.showRate(),
    }[event.key];
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  /** The pointer's place on the canvas, in its own pixels. */
  at(event) {
    const rect = this.canvas.getBoundingClientRect();
    return [(event.clientX - rect.left) / this.zoom, (event.clientY - rect.top) / this.zoom];
  }

  inChart([x, y]) {
    const chart = this.plan && this.plan.chart;
    return Boolean(chart) && x >= chart.x - 6 && x <= chart.x + chart.w + 6 && y >= chart.y - 6 && y <= chart.y + chart.h + 24;
  }

  press(event) {
    if (event.target.tagName === "BUTTON" || !this.plan) return;
    const place = this.at(event);
    if (this.inChart(place) && !this.options.veiled) {
      this.scrubbing = true;
      this.picture.setPointerCapture(event.pointerId);
      this.scrubTo(place);
    } else this.setProbe(pointAt(this.animation.panels, this.plan.cells, ...place));
  }

  point(event) {
    if (!this.plan || this.handles.held) return;
    const place = this.at(event);
    if (this.scrubbing) this.scrubTo(place);
    else if (event.pointerType === "mouse" || event.buttons) {
      this.setProbe(pointAt(this.animation.panels, this.plan.cells, ...place));
      this.picture.style.cursor = this.inChart(place) ? "ew-resize" : this.probe ? "crosshair" : "";
    }
  }

  scrubTo([x]) {
    const position = Math.round(chartScales(this.animation, this.plan.chart).position(x));
    this.go(() => this.clock.seek(position));
  }

  setProbe(probe) {
    if (!probe && !this.probe) return;
    this.probe = probe;
    const panel = probe && this.animation.panels[probe.panel];
    this.stage.dataset.probe = panel ? readPanel(this.animation, panel, this.clock.position, probe.x, probe.y).join("; ") : "";
    this.wake();
  }

  moved(name, x, y) {
    this.moves.move(name, x, y);
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
    this.film = new Film(this.canvas, fileName(this.animation.axis.label, "webm"));
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
