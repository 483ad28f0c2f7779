// The curves over the swept axis and the numerals that belong to the play-head.

import { DASH, drawMark, drawTabular, fitted, setFont } from "./canvas.js";
import { axisPosition, axisValue, clamp, trackValue } from "./interpolate.js";
import { formatError, formatNumber, formatTicks, linearTicks, logTicks } from "./ticks.js";

const MOST_DECADES = 9;

/** The range of the chart's values: everything finite, on a log axis everything positive of the last 9 decades. */
export function trackRange(tracks, log) {
  const numbers = tracks.flatMap((track) => [...track.values.data]).filter((v) => Number.isFinite(v) && (!log || v > 0));
  if (!numbers.length) return log ? [0.1, 1] : [0, 1];
  let low = Math.min(...numbers);
  let high = Math.max(...numbers);
  if (log) {
    low = Math.max(low, high * 10 ** -MOST_DECADES);
    const pad = Math.max((high / low) ** 0.06, 1.1);
    return [low / pad, high * pad];
  }
  if (low > 0 && low < 0.5 * high) low = 0;
  const pad = 0.06 * (high - low) || 0.5 * Math.abs(high) || 1;
  return [low === 0 ? 0 : low - pad, high + pad];
}

/** From the axis and the values to pixels of the chart, and from pixels back to a position. */
export function chartScales(animation, chart) {
  const { axis, tracks, log_tracks: log } = animation;
  const values = axis.values.data;
  const ends = [values[0], values[values.length - 1]].sort((a, b) => a - b);
  const along = axis.log ? Math.log : (v) => v;
  const span = along(ends[1]) - along(ends[0]) || 1;
  const [low, high] = trackRange(tracks, log);
  const up = log ? Math.log : (v) => v;
  return {
    low,
    high,
    ends,
    x: (value) => chart.x + ((along(value) - along(ends[0])) / span) * chart.w,
    y: (value) => chart.y + chart.h * (1 - (up(clamp(value, low, high)) - up(low)) / (up(high) - up(low))),
    position: (pixel) => {
      const s = along(ends[0]) + clamp((pixel - chart.x) / chart.w, 0, 1) * span;
      return axisPosition(axis, axis.log ? Math.exp(s) : s);
    },
  };
}

/** Push labels apart so that each has its own line between `top` and `bottom`. */
export function spread(wanted, line, top, bottom) {
  const order = wanted.map((_, i) => i).sort((a, b) => wanted[a] - wanted[b]);
  const places = [...wanted];
  let least = top;
  for (const i of order) {
    places[i] = Math.max(places[i], least);
    least = places[i] + line;
  }
  let most = bottom;
  for (const i of order.reverse()) {
    places[i] = Math.min(places[i], most);
    most = places[i] - line;
  }
  return places;
}

function drawChartAxes(ctx, look, animation, chart, scales, veiled) {
  const { axis, log_tracks: log } = animation;
  setFont(ctx, look, 14);
  ctx.lineWidth = 1;
  ctx.strokeStyle = look.frame;
  ctx.fillStyle = look.muted;
  ctx.beginPath();
  const bottom = chart.y + chart.h;
  ctx.moveTo(chart.x, bottom);
  ctx.lineTo(chart.x + chart.w, bottom);
  ctx.textAlign = "center";
  ctx.textBaseline = "top";
  const name = chart.w < 260 && axis.symbol ? axis.symbol : [axis.label, axis.symbol].filter(Boolean).join(" ");
  const reserved = ctx.measureText(name).width + 12;
  const many = clamp(chart.w / 80, 2, 7);
  const ticks = axis.log ? logTicks(...scales.ends, many) : linearTicks(...scales.ends, many);
  formatTicks(ticks).forEach((text, i) => {
    const x = scales.x(ticks[i]);
    ctx.moveTo(x, bottom);
    ctx.lineTo(x, bottom + 4);
    const half = ctx.measureText(text).width / 2;
    if (x + half < chart.x + chart.w - reserved) ctx.fillText(text, x, bottom + 6);
  });
  ctx.textAlign = "right";
  ctx.fillText(name, chart.x + chart.w, bottom + 6);
  if (!veiled) {
    ctx.textBaseline = "middle";
    const heights = clamp(chart.h / 30, 2, 6);
    const levels = log ? logTicks(scales.low, scales.high, heights) : linearTicks(scales.low, scales.high, heights);
    formatTicks(levels).forEach((text, i) => {
      const y = scales.y(levels[i]);
      ctx.moveTo(chart.x, y);
      ctx.lineTo(chart.x + chart.w, y);
      ctx.fillText(text, chart.x - 8, y);
    });
  }
  ctx.stroke();
}

/** Right margin for the labels written at the ends of the lines. */
export function labelRoom(ctx, look, tracks) {
  setFont(ctx, look, 14, 600);
  return Math.max(...tracks.map((track) => ctx.measureText(track.symbol || track.label).width)) + 12;
}

/** Axes, curves and their direct labels: all of the chart that stands still. */
export function drawChart(ctx, look, animation, chart, veiled) {
  const { axis, tracks, log_tracks: log } = animation;
  const scales = chartScales(animation, chart);
  drawChartAxes(ctx, look, animation, chart, scales, veiled);
  if (veiled) return;
  const values = axis.values.data;
  const rightmost = scales.x(values[values.length - 1]) >= scales.x(values[0]) ? values.length - 1 : 0;
  const shown = (v) => Number.isFinite(v) && (!log || v > 0);
  for (const track of tracks) {
    ctx.beginPath();
    let down = false;
    for (let i = 0; i < values.length; i++) {
      const v = track.values.data[i];
      if (!shown(v)) down = false;
      else if (down) ctx.lineTo(scales.x(values[i]), scales.y(v));
      else {
        ctx.moveTo(scales.x(values[i]), scales.y(v));
        down = true;
      }
    }
    ctx.lineJoin = "round";
    ctx.lineWidth = 2;
    ctx.strokeStyle = track.colour[look.theme];
    ctx.setLineDash(track.dashed ? DASH : []);
    ctx.stroke();
    ctx.setLineDash([]);
    if (!track.numeral) continue;
    const stride = Math.max(1, Math.round(values.length / 8));
    for (let i = stride >> 1; i < values.length; i += stride) {
      const v = track.values.data[i];
      if (shown(v)) drawMark(ctx, track.mark, scales.x(values[i]), scales.y(v), 2.6, track.colour[look.theme]);
    }
  }
  setFont(ctx, look, 14, 600);
  ctx.textAlign = "left";
  ctx.textBaseline = "middle";
  const ends = tracks.map((track) => scales.y(shown(track.values.data[rightmost]) ? track.values.data[rightmost] : scales.low));
  spread(ends, 17, chart.y + 4, chart.y + chart.h - 4).forEach((y, i) => {
    ctx.fillStyle = tracks[i].colour[look.theme];
    ctx.fillText(tracks[i].symbol || tracks[i].label, chart.x + chart.w + 8, y);
  });
}

/** The play-head and each track's mark on it. */
export function drawPlayHead(ctx, look, animation, chart, position, veiled) {
  const { axis, tracks, log_tracks: log } = animation;
  const scales = chartScales(animation, chart);
  const x = scales.x(axisValue(axis, position));
  ctx.beginPath();
  ctx.moveTo(x, chart.y - 2);
  ctx.lineTo(x, chart.y + chart.h);
  ctx.lineWidth = 1.5;
  ctx.strokeStyle = look.ink;
  ctx.globalAlpha = 0.55;
  ctx.stroke();
  ctx.globalAlpha = 1;
  if (veiled) return;
  for (const track of tracks) {
    const v = trackValue(track.values.data, position, log);
    if (!Number.isFinite(v) || (log && v <= 0) || !track.numeral) continue;
    drawMark(ctx, track.mark, x, scales.y(v), 6, track.colour[look.theme], look.paper);
  }
}

/** A track's number and error as text; "?" behind the veil. */
export function numeralText(track, position, log, veiled) {
  if (veiled) return { value: "?", error: "" };
  const error = track.error ? trackValue(track.error.data, position, log) : 0;
  return { value: formatNumber(trackValue(track.values.data, position, log)), error: error > 0 ? formatError(error) : "" };
}

/** The large numbers. */
export function drawNumerals(ctx, look, animation, block, position, veiled) {
  const shown = animation.tracks.filter((track) => track.numeral);
  shown.forEach((track, i) => {
    const x = block.x + (i % block.columns) * block.cell.w;
    const y = block.y + Math.floor(i / block.columns) * block.cell.h;
    const colour = track.colour[look.theme];
    drawMark(ctx, track.mark, x + 6, y + 9, 5, colour);
    ctx.textAlign = "left";
    ctx.textBaseline = "alphabetic";
    setFont(ctx, look, 15, 600);
    ctx.fillStyle = look.ink;
    const room = block.cell.w - 26;
    const label = fitted(ctx, track.label, room);
    ctx.fillText(label, x + 18, y + 14);
    const used = ctx.measureText(label).width + 8;
    setFont(ctx, look, 14);
    ctx.fillStyle = look.muted;
    const beside = used + ctx.measureText(track.unit).width <= room;
    if (beside) ctx.fillText(track.unit, x + 18 + used, y + 14);
    const { value, error } = numeralText(track, position, animation.log_tracks, veiled);
    let size = 28;
    setFont(ctx, look, size, 600);
    while (size > 18 && ctx.measureText(value).width > room) setFont(ctx, look, (size -= 2), 600);
    ctx.fillStyle = colour;
    const width = drawTabular(ctx, value, x + 18, y + 45);
    setFont(ctx, look, 14);
    ctx.fillStyle = look.muted;
    const rest = [error, beside ? "" : track.unit].filter(Boolean).join(" ");
    if (rest && width + 8 + ctx.measureText(rest).width < room + 6) drawTabular(ctx, rest, x + 26 + width, y + 45);
  });
}

/** The formula with its numerals filled in. */
export function formulaText(animation, position, veiled) {
  return animation.formula.replace(/\{(\d)\}/g, (whole, i) => {
    const track = animation.tracks[Number(i)];
    return track ? numeralText(track, position, animation.log_tracks, veiled).value : whole;
  });
}
