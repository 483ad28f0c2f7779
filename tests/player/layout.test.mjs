import assert from "node:assert/strict";
import test from "node:test";

import { arrange } from "../../gmviz/ui/player/layout.js";
import { spread } from "../../gmviz/ui/player/tracks.js";

const WIDE = [-7.5, 7.5, -4.5, 4.5];
const SQUARE = [-4, 4, -4, 4];
const spec = (extent, count, tracks, more = {}) => ({
  panels: Array.from({ length: count }, () => ({ extent, equal: true, subtitle: "s", hasScale: true })),
  numerals: tracks,
  tracks,
  legend: true,
  formula: false,
  ...more,
});
const apart = (a, b) => a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y;

test("frames keep their aspect, lie inside and do not overlap, at every width and number", () => {
  for (const width of [330, 390, 560, 700, 860, 1000, 1400]) {
    for (const extent of [WIDE, SQUARE]) {
      for (const count of [1, 2, 3, 4]) {
        for (const tracks of [0, 1, 2, 4, 6]) {
          const plan = arrange(width, spec(extent, count, tracks));
          const frames = plan.cells.map(({ frame }) => frame);
          const boxes = [...frames, ...(plan.chart ? [plan.chart, plan.numerals] : [])];
          for (const box of boxes) {
            assert.ok(box.x >= 0 && box.y >= 0 && box.x + box.w <= width + 0.5 && box.y + box.h <= plan.height + 0.5);
            assert.ok(box.w > 60 && box.h > 40, `${width} ${count} ${tracks}: ${JSON.stringify(box)}`);
          }
          for (const { w, h } of frames) {
            assert.ok(Math.abs(h / w - (extent[3] - extent[2]) / (extent[1] - extent[0])) < 1e-9);
          }
          boxes.forEach((a, i) => boxes.slice(i + 1).forEach((b) => assert.ok(apart(a, b))));
        }
      }
    }
  }
});

test("three maps with two tracks stay above the fold on a desktop", () => {
  for (const width of [820, 1000, 1200]) {
    for (const extent of [WIDE, SQUARE]) assert.ok(arrange(width, spec(extent, 3, 2)).height + 60 <= 520);
  }
});

test("on a phone panels are stacked", () => {
  const { cells } = arrange(350, spec(WIDE, 3, 2));
  assert.equal(new Set(cells.map(({ frame }) => frame.x)).size, 1);
});

test("charts stand beside planes at the same height", () => {
  const panels = [{ extent: SQUARE, equal: true, hasScale: true }, { extent: [-3, 3, 0, 9], equal: false }];
  const { cells } = arrange(1000, spec(SQUARE, 0, 2, { panels }));
  assert.equal(cells[0].frame.h, cells[1].frame.h);
});

test("labels at the ends of lines keep a line's distance", () => {
  const places = spread([50, 51, 52, 10], 17, 0, 100).sort((a, b) => a - b);
  for (let i = 1; i < places.length; i++) assert.ok(places[i] - places[i - 1] >= 17 - 1e-9);
  assert.ok(places[0] >= 0 && places.at(-1) <= 100);
});
