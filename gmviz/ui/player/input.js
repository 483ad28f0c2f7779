// What a visitor does with keys and pointer.

import { pointAt } from "./probe.js";
import { chartScales } from "./tracks.js";

/** Turns the events of `player`'s elements into what the player does; listens until `signal`. */
export class Input {
  constructor(player, signal) {
    this.player = player;
    this.scrubbing = false;
    const on = (target, kind, act) => target.addEventListener(kind, act, { signal });
    const { stage, picture } = player;
    on(stage, "keydown", (event) => this.key(event));
    on(stage, "focusout", (event) => this.leave(event));
    on(picture, "pointerdown", (event) => this.press(event));
    on(picture, "pointermove", (event) => this.point(event));
    for (const kind of ["pointerup", "pointercancel"]) on(picture, kind, () => (this.scrubbing = false));
    on(picture, "pointerleave", (event) => event.pointerType === "mouse" && player.setProbe(null));
  }

  leave(event) {
    const { controls } = this.player;
    if (!controls.menu.hidden && !controls.bar.contains(event.relatedTarget)) controls.openMenu(false);
  }

  key(event) {
    const { player } = this;
    const { clock, controls } = player;
    if (event.ctrlKey || event.metaKey || event.altKey || !player.animation) return;
    if (event.key === "Escape" && !controls.menu.hidden) {
      controls.openMenu(false);
      controls.more.focus();
      return;
    }
    const kind = event.target.tagName;
    if (kind === "SELECT" || (kind === "BUTTON" && [" ", "Enter"].includes(event.key))) return;
    const act = this.actOf(event.key, clock, kind === "INPUT");
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  /** What a key does; up, down and the page keys only on the scrub bar, so that they scroll elsewhere. */
  actOf(key, clock, onBar) {
    const { player } = this;
    const page = Math.max(1, Math.round(clock.last / 10));
    const step = (by) => () => player.go(() => clock.step(by));
    const seek = (position) => () => player.go(() => clock.seek(position));
    const everywhere = {
      " ": () => player.toggle(),
      ArrowRight: step(1),
      ArrowLeft: step(-1),
      Home: seek(0),
      End: seek(clock.last),
      f: () => player.showRate(),
      F: () => player.showRate(),
    };
    const bar = { ArrowUp: step(1), ArrowDown: step(-1), PageUp: step(page), PageDown: step(-page) };
    return everywhere[key] || (onBar && bar[key]);
  }

  /** The pointer's place on the canvas, in its own pixels. */
  placeOf(event) {
    const { canvas, zoom } = this.player.view;
    const rect = canvas.getBoundingClientRect();
    return [(event.clientX - rect.left) / zoom, (event.clientY - rect.top) / zoom];
  }

  inChart([x, y]) {
    const { chart } = this.player.view.plan;
    if (!chart || this.player.options.veiled) return false;
    return x >= chart.x - 6 && x <= chart.x + chart.w + 6 && y >= chart.y - 6 && y <= chart.y + chart.h + 24;
  }

  press(event) {
    const { player } = this;
    if (event.target.tagName === "BUTTON" || !player.view.plan) return;
    const place = this.placeOf(event);
    if (!this.inChart(place)) {
      if (event.pointerType === "mouse") player.handles.fetch(pointAt(player.animation.panels, player.view.plan.cells, ...place));
      return void this.probe(place);
    }
    this.scrubbing = true;
    player.picture.setPointerCapture(event.pointerId);
    this.scrubTo(place);
  }

  point(event) {
    const { player } = this;
    if (!player.view.plan || player.handles.held) return;
    const place = this.placeOf(event);
    if (this.scrubbing) this.scrubTo(place);
    else if (event.pointerType === "mouse" || event.buttons) {
      this.probe(place);
      player.picture.style.cursor = this.inChart(place) ? "ew-resize" : player.probe ? "crosshair" : "";
    }
  }

  probe([x, y]) {
    const { player } = this;
    player.setProbe(pointAt(player.animation.panels, player.view.plan.cells, x, y));
  }

  scrubTo([x]) {
    const { player } = this;
    const position = Math.round(chartScales(player.animation, player.view.plan.chart).position(x));
    player.go(() => player.clock.seek(position));
  }
}
