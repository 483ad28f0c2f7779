// What does not move: titles, frames, ticks, scales, legend.

import { DASH, drawMark, fitted, roundedPath, setFont } from "./canvas.js";
import { formatMapValue, formatTicks, linearTicks } from "./ticks.js";

const LINE_KINDS = new Set(["contours", "polyline", "segments", "arrows"]);
const DOT_KINDS = new Set(["particles", "points", "bars", "handles"]);

/** One entry per label: what it is called, its colour and how it is drawn. */
export function legendEntries(animation) {
  const entries = new Map();
  const add = (label, colour, layer) => {
    if (label) entries.set(`${label} ${colour.light} ${layer.dashed}`, { label, colour, line: LINE_KINDS.has(layer.kind), dashed: layer.dashed });
  };
  for (const layer of animation.layers) {
    if (layer.names && layer.categories) layer.names.forEach((name, i) => add(name, layer.colours[i], layer));
    else if (layer.colour && (LINE_KINDS.has(layer.kind) || DOT_KINDS.has(layer.kind))) add(layer.label, layer.colour, layer);
  }
  return [...entries.values()];
}

export function drawLegend(ctx, look, entries, { x, y, w }) {
  setFont(ctx, look, 14);
  ctx.textBaseline = "middle";
  ctx.textAlign = "left";
  let at = x;
  for (const { label, colour, line, dashed } of entries) {
    const width = 34 + ctx.measureText(label).width;
    if (at > x && at + width > x + w) break;
    if (line) {
      ctx.beginPath();
      ctx.moveTo(at, y + 10);
      ctx.lineTo(at + 26, y + 10);
      ctx.setLineDash(dashed ? DASH : []);
      ctx.lineWidth = 2;
      ctx.strokeStyle = colour[look.theme];
      ctx.stroke();
      ctx.setLineDash([]);
    } else drawMark(ctx, "round", at + 18, y + 10, 4, colour[look.theme]);
    ctx.fillStyle = look.ink;
    ctx.fillText(label, at + 32, y + 10);
    at += width + 22;
  }
}

/** From a panel's units to pixels in `frame`; y runs upwards. */
export function projection(extent, frame) {
  const [x0, x1, y0, y1] = extent;
  const sx = frame.w / (x1 - x0);
  const sy = frame.h / (y1 - y0);
  return {
    sx,
    sy,
    x: (value) => frame.x + (value - x0) * sx,
    y: (value) => frame.y + frame.h - (value - y0) * sy,
    toX: (pixel) => x0 + (pixel - frame.x) / sx,
    toY: (pixel) => y0 + (frame.y + frame.h - pixel) / sy,
  };
}

function drawTicks(ctx, look, panel, frame, yTicks) {
  const [x0, x1, y0, y1] = panel.extent;
  const to = projection(panel.extent, frame);
  setFont(ctx, look, 14);
  ctx.fillStyle = look.muted;
  ctx.strokeStyle = look.frame;
  ctx.lineWidth = 1;
  ctx.textAlign = "center";
  ctx.textBaseline = "top";
  const bottom = frame.y + frame.h;
  const labelled = panel.x_label ? ctx.measureText(panel.x_label).width + 10 : 0;
  ctx.beginPath();
  const across = linearTicks(x0, x1, Math.max(2, frame.w / 70));
  formatTicks(across).forEach((text, i) => {
    const x = to.x(across[i]);
    const half = ctx.measureText(text).width / 2;
    if (x + half > frame.x + frame.w - labelled || x - half < frame.x - 14) return;
    ctx.moveTo(x, bottom);
    ctx.lineTo(x, bottom + 4);
    ctx.fillText(text, x, bottom + 6);
  });
  ctx.textAlign = "right";
  if (panel.x_label) ctx.fillText(panel.x_label, frame.x + frame.w, bottom + 6);
  if (yTicks) {
    ctx.textBaseline = "middle";
    const roof = panel.y_label ? frame.y + 26 : frame.y;
    if (panel.y_label) ctx.fillText(panel.y_label, frame.x - 8, frame.y + 8);
    const upwards = linearTicks(y0, y1, Math.max(2, frame.h / 48));
    formatTicks(upwards).forEach((text, i) => {
      const y = to.y(upwards[i]);
      if (y < roof || y > bottom - 2) return;
      ctx.moveTo(frame.x, y);
      ctx.lineTo(frame.x - 4, y);
      ctx.fillText(text, frame.x - 8, y);
    });
  }
  ctx.stroke();
}

/** The colour bar of a ramp between its two printed ends. */
function drawScale(ctx, look, layer, { x, y, w }) {
  setFont(ctx, look, 14);
  ctx.textBaseline = "middle";
  ctx.fillStyle = look.muted;
  const low = `${layer.below ? "≤ " : ""}${formatMapValue(layer.low, layer.powers)}`;
  const high = `${layer.above ? "≥ " : ""}${formatMapValue(layer.high, layer.powers)}${layer.unit ? ` ${layer.unit}` : ""}`;
  const left = ctx.measureText(low).width + 8;
  const right = ctx.measureText(high).width + 8;
  ctx.textAlign = "left";
  ctx.fillText(low, x, y + 9);
  ctx.textAlign = "right";
  ctx.fillText(high, x + w, y + 9);
  const bar = { x: x + left, y: y + 4, w: w - left - right, h: 10 };
  if (bar.w < 16) return;
  const table = layer.ramp[look.theme].data;
  const gradient = ctx.createLinearGradient(bar.x, 0, bar.x + bar.w, 0);
  for (let i = 0; i <= 32; i++) {
    const k = 3 * Math.min(255, i * 8);
    gradient.addColorStop(i / 32, `rgb(${table[k]},${table[k + 1]},${table[k + 2]})`);
  }
  roundedPath(ctx, bar, 3);
  ctx.fillStyle = gradient;
  ctx.fill();
  ctx.lineWidth = 1;
  ctx.strokeStyle = look.frame;
  ctx.stroke();
}

/** Title, subtitle, ticks and scale of one panel. */
export function drawPanelChrome(ctx, look, animation, panel, cell) {
  const { title, frame } = cell;
  ctx.textAlign = "left";
  ctx.textBaseline = "top";
  setFont(ctx, look, 17, 600);
  ctx.fillStyle = look.ink;
  ctx.fillText(fitted(ctx, panel.title, title.w), title.x, title.y);
  setFont(ctx, look, 14);
  ctx.fillStyle = look.muted;
  if (panel.subtitle) ctx.fillText(fitted(ctx, panel.subtitle, title.w), title.x, title.y + 23);
  drawTicks(ctx, look, panel, frame, cell.yTicks);
  const scaled = panel.layers.map((i) => animation.layers[i]).find((layer) => layer.ramp);
  if (scaled && cell.scale) drawScale(ctx, look, scaled, cell.scale);
}

export function drawFrame(ctx, look, frame) {
  roundedPath(ctx, frame, 6);
  ctx.lineWidth = 1;
  ctx.strokeStyle = look.frame;
  ctx.stroke();
}
