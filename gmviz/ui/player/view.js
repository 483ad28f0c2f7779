// The canvas: how large it is, where things stand on it, and how a picture is drawn.

import { isDark, roundedPath, setFont } from "./canvas.js";
import { drawFrame, drawLegend, drawPanelChrome, legendEntries, projection } from "./frames.js";
import { clamp } from "./interpolate.js";
import { arrange } from "./layout.js";
import { painterOf } from "./paint.js";
import { drawProbe } from "./probe.js";
import { drawChart, drawNumerals, drawPlayHead, formulaText, labelRoom } from "./tracks.js";

const LARGEST_RATIO = 2; // device pixels per CSS pixel

/** Draws an animation on `canvas` within `stage`; what stands still is drawn once, on a backdrop. */
export class View {
  constructor(stage, canvas) {
    this.stage = stage;
    this.canvas = canvas;
    this.ctx = canvas.getContext("2d");
    this.backdrop = document.createElement("canvas");
    this.zoom = 1;
    this.plan = null;
  }

  load(animation, veiled) {
    this.painters = animation.layers.map(painterOf);
    this.entries = legendEntries(animation);
    this.animation = animation;
    this.veiled = veiled;
    this.plan = null;
  }

  /** The theme's colours and font, by the ground the page gives. */
  findLook() {
    const style = getComputedStyle(this.stage);
    const ground = style.getPropertyValue("--st-background-color").trim();
    const preferred = window.matchMedia("(prefers-color-scheme: dark)").matches;
    const theme = (ground ? isDark(ground) : preferred) ? "dark" : "light";
    const named = Object.entries(this.animation.theme).map(([name, colour]) => [name, colour[theme]]);
    for (const [name, colour] of named) this.stage.style.setProperty(`--${name}`, colour);
    const colours = Object.fromEntries(named);
    return { theme, ...colours, ground: ground || colours.paper, font: style.fontFamily };
  }

  /** Fit the canvas to the stage; false while the stage has no width. */
  fit() {
    const { animation, stage } = this;
    const style = getComputedStyle(stage);
    const width = stage.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    if (!animation || !(width >= 40)) return false;
    const full = stage.matches(":fullscreen");
    const height = window.innerHeight - 24;
    this.zoom = full ? clamp(Math.min(width / 1000, height / 600), 1, 2.5) : 1;
    this.look = this.findLook();
    this.plan = arrange(width / this.zoom, this.contents(), full ? height / this.zoom : undefined);
    stage.dataset.frames = JSON.stringify(this.plan.cells.map(({ frame }) => frame)); // where tests look
    if (this.plan.chart) this.plan.chart.w -= labelRoom(this.ctx, this.look, animation.tracks);
    this.resize();
    this.drawBackdrop();
    return true;
  }

  /** What the layout has to place. */
  contents() {
    const { panels, layers, tracks, formula } = this.animation;
    return {
      panels: panels.map((panel) => ({ ...panel, hasScale: panel.layers.some((i) => layers[i].ramp) })),
      numerals: tracks.filter((track) => track.numeral).length,
      tracks: tracks.length,
      legend: this.entries.length > 0,
      formula: formula !== "",
    };
  }

  resize() {
    const { plan, zoom } = this;
    this.ratio = clamp(window.devicePixelRatio || 1, 1, LARGEST_RATIO) * zoom;
    const pixels = [Math.round(plan.width * this.ratio), Math.round(plan.height * this.ratio)];
    for (const canvas of [this.canvas, this.backdrop]) {
      if (canvas.width !== pixels[0]) canvas.width = pixels[0];
      if (canvas.height !== pixels[1]) canvas.height = pixels[1];
    }
    this.canvas.style.width = `${plan.width * zoom}px`;
    this.canvas.style.height = `${plan.height * zoom}px`;
  }

  drawBackdrop() {
    const { animation, plan, look } = this;
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
    if (plan.chart) drawChart(ctx, look, animation, plan.chart, this.veiled);
  }

  draw(position, probe) {
    const { ctx, animation, plan, look, painters } = this;
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
    if (plan.chart) drawPlayHead(ctx, look, animation, plan.chart, position, this.veiled);
    if (plan.numerals) drawNumerals(ctx, look, animation, plan.numerals, position, this.veiled);
    if (plan.formula) this.drawFormula(position);
    if (probe) drawProbe(ctx, look, animation, plan.cells, position, probe);
  }

  drawFormula(position) {
    const { ctx, look, plan } = this;
    setFont(ctx, look, 17);
    ctx.fillStyle = look.ink;
    ctx.textAlign = "left";
    ctx.textBaseline = "top";
    ctx.fillText(formulaText(this.animation, position, this.veiled), plan.formula.x, plan.formula.y + 4);
  }

  free() {
    this.canvas.width = this.backdrop.width = 0;
  }
}
