// Reading values off the panels: one crosshair in every panel of the same extent.

import { drawMark, roundedPath, setFont } from "./canvas.js";
import { projection } from "./frames.js";
import { clamp, readMap, topCode } from "./interpolate.js";
import { formatMapValue, formatNumber, formatReading } from "./ticks.js";

/** The panel whose frame holds the pixel (x, y), and the point there; null outside. */
export function pointAt(panels, cells, x, y) {
  for (let i = 0; i < panels.length; i++) {
    const { frame } = cells[i];
    if (x < frame.x || x > frame.x + frame.w || y < frame.y || y > frame.y + frame.h) continue;
    const to = projection(panels[i].extent, frame);
    return { panel: i, x: to.toX(x), y: to.toY(y) };
  }
  return null;
}

/** What the maps of `panel` say at (x, y): one line per map. */
export function readPanel(animation, panel, position, x, y) {
  const [x0, x1, y0, y1] = panel.extent;
  const lines = [];
  for (const layer of panel.layers.map((i) => animation.layers[i])) {
    if (layer.kind !== "heatmap") continue;
    const [, rows, columns] = layer.values.shape;
    const read = readMap(layer, position, ((x - x0) / (x1 - x0)) * (columns - 1), ((y - y0) / (y1 - y0)) * (rows - 1));
    const name = layer.symbol || layer.label;
    if (!read) lines.push(`${name} is not defined here`);
    else {
      const resolution = (layer.high - layer.low) / (topCode(layer.values) - 3);
      const sign = { "at most": "≤", "at least": "≥" }[read.beyond];
      const plain = layer.powers ? `= ${formatMapValue(read.value, true)}` : formatReading(read.value, resolution);
      const value = sign ? `${sign} ${formatMapValue(read.value, layer.powers)}` : plain;
      lines.push([name, value, layer.unit].filter(Boolean).join(" "));
    }
  }
  return lines;
}

/** Break lines that are too wide before their sign. */
function broken(ctx, lines, width) {
  return lines.flatMap((line) => {
    const at = line.search(/ [=≈≤≥] /);
    return at < 0 || ctx.measureText(line).width <= width ? [line] : [line.slice(0, at), line.slice(at + 1)];
  });
}

function drawChip(ctx, look, text, x, y, frame) {
  setFont(ctx, look, 14);
  const lines = broken(ctx, text, frame.w - 24);
  const width = Math.max(...lines.map((line) => ctx.measureText(line).width)) + 16;
  const height = 19 * lines.length + 9;
  const left = clamp(x + 12 + width < frame.x + frame.w ? x + 12 : x - 12 - width, frame.x + 3, Math.max(frame.x + 3, frame.x + frame.w - width - 3));
  const top = clamp(y - 12 - height > frame.y ? y - 12 - height : y + 12, frame.y + 3, Math.max(frame.y + 3, frame.y + frame.h - height - 3));
  roundedPath(ctx, { x: left, y: top, w: width, h: height }, 5);
  ctx.globalAlpha = 0.94;
  ctx.fillStyle = look.paper;
  ctx.fill();
  ctx.globalAlpha = 1;
  ctx.lineWidth = 1;
  ctx.strokeStyle = look.frame;
  ctx.stroke();
  ctx.fillStyle = look.ink;
  ctx.textAlign = "left";
  ctx.textBaseline = "top";
  lines.forEach((line, i) => ctx.fillText(line, left + 8, top + 6 + 19 * i));
}

/** The crosshair at the probed point, and what is read there, in every panel that shows the same extent. */
export function drawProbe(ctx, look, animation, cells, position, probe) {
  const probed = animation.panels[probe.panel];
  animation.panels.forEach((panel, i) => {
    if (!panel.extent.every((end, k) => end === probed.extent[k])) return;
    const { frame } = cells[i];
    const to = projection(panel.extent, frame);
    const x = to.x(probe.x);
    const y = to.y(probe.y);
    ctx.beginPath();
    ctx.moveTo(frame.x, y);
    ctx.lineTo(frame.x + frame.w, y);
    ctx.moveTo(x, frame.y);
    ctx.lineTo(x, frame.y + frame.h);
    ctx.lineWidth = 1;
    ctx.strokeStyle = look.ink;
    ctx.globalAlpha = 0.4;
    ctx.stroke();
    ctx.globalAlpha = 1;
    drawMark(ctx, "round", x, y, 3, look.ink, look.paper);
    const place = i === probe.panel ? [`at (${formatNumber(probe.x)}, ${formatNumber(probe.y)})`] : [];
    const lines = [...readPanel(animation, panel, position, probe.x, probe.y), ...place];
    if (lines.length) drawChip(ctx, look, lines, x, y, frame);
  });
}
