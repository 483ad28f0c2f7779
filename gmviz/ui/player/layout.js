// Where everything stands on the canvas, in CSS pixels.

import { clamp } from "./interpolate.js";

const GAP = 22;
const LINE = 20; // a line of text
const TITLE = 22;
const BAR_HEIGHT = 60; // the controls under the canvas
const DESKTOP = 520; // canvas and controls together on a wide screen
const WIDE = 640;
const Y_TICKS = 34;
const CHART_LEFT = 46;
const NUMERAL = 64;
const MIN_CHART = 104;

/** Do all panels show the same part of the plane? Then they share the ticks of y. */
export function sameExtent(panels) {
  return panels.every((panel) => panel.equal && panel.extent.every((end, i) => end === panels[0].extent[i]));
}

function aspectOf(panel) {
  const [x0, x1, y0, y1] = panel.extent;
  return panel.equal ? (y1 - y0) / (x1 - x0) : 0.72;
}

/** Panels in rows of `columns` within `width`, no frame higher than `highest`; starts at `top`. */
function panelRows(panels, columns, width, top, highest) {
  const shared = sameExtent(panels);
  const left = (i) => (shared && i % columns ? 0 : Y_TICKS);
  const inRow = Math.min(columns, panels.length);
  const margins = Array.from({ length: inRow }, (_, i) => left(i)).reduce((sum, w) => sum + w, 0);
  const widest = (width - margins - GAP * (inRow - 1)) / inRow;
  const cells = [];
  let y = top;
  for (let start = 0; start < panels.length; start += columns) {
    const row = panels.slice(start, start + columns);
    const planes = row.filter((panel) => panel.equal);
    const heightOf = (panel) => Math.min(highest, widest * aspectOf(panel));
    const planeHeight = planes.length ? Math.max(...planes.map(heightOf)) : Math.max(...row.map(heightOf));
    const header = TITLE + (row.some((panel) => panel.subtitle) ? LINE : 0) + 6;
    const footer = LINE + 4 + (row.some((panel) => panel.hasScale) ? LINE + 4 : 0);
    let x = 0;
    row.forEach((panel, i) => {
      const h = panel.equal ? heightOf(panel) : planeHeight;
      const w = panel.equal ? h / aspectOf(panel) : widest;
      x += left(i);
      cells.push({
        frame: { x, y: y + header, w, h },
        title: { x, y, w: Math.max(w, widest * 0.6) },
        scale: panel.hasScale ? { x, y: y + header + h + LINE + 8, w } : null,
        yTicks: left(i) > 0,
      });
      x += w + GAP;
    });
    y += header + planeHeight + footer + 10;
  }
  const right = Math.max(...cells.map((cell) => cell.frame.x + cell.frame.w));
  return { cells, bottom: y - 10, right };
}

function numeralBlock(count, x, y, width, minimum) {
  const least = count > 2 ? Math.min(minimum, 128) : minimum;
  const columns = clamp(Math.floor(width / least), 1, Math.max(count, 1));
  const rows = Math.ceil(count / columns);
  return { x, y, w: width, h: rows * NUMERAL, columns, cell: { w: width / columns, h: NUMERAL } };
}

/** The highest frames with which rows of panels and `below` pixels under them fit in `room`. */
function highestIn(room, below, panels, columns, width, top) {
  const rows = Math.ceil(panels.length / columns);
  const flat = panelRows(panels, columns, width, top, 0).bottom;
  return Math.max(100, (room - below - flat) / rows);
}

/** On a phone the numerals come first, so that they are seen without scrolling; then panels, then the chart. */
function narrow(panels, numerals, width, columns, top) {
  const block = numeralBlock(numerals, 0, top, width, 165);
  const grid = panelRows(panels, columns, width, numerals ? top + block.h + 4 : top, Infinity);
  const chart = { x: CHART_LEFT, y: grid.bottom + 16, w: width - CHART_LEFT - 8, h: 130 };
  return { ...grid, numerals: block, chart, height: chart.y + chart.h + LINE + 8 };
}

/** Panels over a row of numerals and chart. */
function stacked(panels, numerals, tracks, width, room, columns, top, compact) {
  const side = numeralBlock(numerals, 0, 0, numerals > 2 ? Math.min(440, width * 0.5) : 250, 200);
  const foot = tracks ? 18 + Math.max(MIN_CHART + LINE, side.h) + 6 : 4;
  if (compact && tracks) return narrow(panels, numerals, width, columns, top);
  const highest = compact ? Infinity : highestIn(room, foot, panels, columns, width, top);
  const grid = panelRows(panels, columns, width, top, highest);
  if (!tracks) return { ...grid, height: grid.bottom + 4, numerals: null, chart: null };
  const y = grid.bottom + 14;
  const block = { ...side, y };
  const h = clamp(room - y - LINE - 10, MIN_CHART, 170);
  const chart = { x: block.w + CHART_LEFT, y: y + 4, w: width - block.w - CHART_LEFT, h };
  return { ...grid, numerals: block, chart, height: Math.max(chart.y + h + LINE, y + block.h) + 6 };
}

/** Panels to the left of numerals over chart. */
function beside(panels, numerals, width, room, columns, top) {
  const highest = highestIn(room, 4, panels, columns, width - 270 - GAP, top);
  const grid = panelRows(panels, columns, width - 270 - GAP, top, highest);
  const x = grid.right + GAP + 8;
  const block = numeralBlock(numerals, x, top, width - x, 170);
  const y = top + block.h + 12;
  const h = clamp(grid.bottom - y - LINE - 4, MIN_CHART, 300);
  const chart = { x: x + CHART_LEFT, y, w: width - x - CHART_LEFT, h };
  return { ...grid, numerals: block, chart, height: Math.max(grid.bottom, y + h + LINE + 4) + 4 };
}

/**
 * Rectangles of legend, panels, numerals and track chart for a canvas of `width`; `limit` is the height of canvas and
 * controls together (full screen), else 520 pixels where the width allows panels side by side.
 * panels: [{ extent, equal, subtitle, hasScale }]; numerals and tracks: how many there are.
 */
export function arrange(width, { panels, numerals, tracks, legend, formula }, limit = DESKTOP) {
  const top = legend ? LINE + 8 : 0;
  const last = formula ? LINE + 10 : 0;
  const room = limit - BAR_HEIGHT - last;
  const count = panels.length;
  const inner = width - 1; // a frame's line lies half outside it
  const options = [];
  if (width >= WIDE) {
    for (const columns of count === 4 ? [4, 2] : [count]) {
      options.push(stacked(panels, numerals, tracks, inner, room, columns, top, false));
      if (tracks) options.push(beside(panels, numerals, inner, room, columns, top));
    }
  } else {
    options.push(stacked(panels, numerals, tracks, inner, room, width < 480 ? 1 : Math.min(2, count), top, true));
  }
  const area = (option) => option.cells.reduce((sum, { frame }) => sum + frame.w * frame.h, 0);
  const fits = (option) => option.height <= room + 1 || width < WIDE;
  const score = (option) => area(option) * (fits(option) ? 1 : 0.3);
  const best = options.reduce((a, b) => (score(b) > score(a) ? b : a));
  return {
    ...best,
    width,
    height: best.height + last,
    legend: legend ? { x: 0, y: 0, w: width } : null,
    formula: formula ? { x: 0, y: best.height, w: width } : null,
  };
}
