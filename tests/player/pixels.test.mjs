import assert from "node:assert/strict";
import test from "node:test";

import { paintDisc, paintStreak } from "../../gmviz/ui/player/pixels.js";

const image = (width, height) => ({ width, height, data: new Uint8ClampedArray(4 * width * height) });
const covered = ({ data }) => data.reduce((sum, value, i) => sum + (i % 4 === 3 ? value / 255 : 0), 0);
const RED = [200, 10, 20];

test("a disc covers its area wherever its centre lies, in its colour", () => {
  for (const radius of [1.6, 3, 6.5]) {
    for (const [x, y] of [[20, 20], [20.5, 20.5], [19.23, 21.71]]) {
      const target = image(40, 40);
      paintDisc(target, x, y, radius, RED, 1);
      assert.ok(Math.abs(covered(target) / (Math.PI * radius ** 2) - 1) < 0.06);
      const middle = 4 * (Math.floor(y) * 40 + Math.floor(x));
      assert.deepEqual([...target.data.slice(middle, middle + 4)], [...RED, 255]);
    }
  }
});

test("a disc at the edge stays inside and discs pile up to full cover", () => {
  const target = image(10, 10);
  for (let i = 0; i < 30; i++) paintDisc(target, 0, 9.9, 3, RED, 0.5);
  assert.ok(target.data[4 * 90 + 3] >= 253);
  assert.equal(target.data[3], 0);
  [...target.data.slice(4 * 90, 4 * 90 + 3)].forEach((value, i) => assert.ok(Math.abs(value - RED[i]) <= 1));
});

test("a streak covers its length along its longer side, in any direction", () => {
  for (const [dx, dy] of [[20, 0], [0, -20], [-20, 7.3], [5, 20], [-14, -14]]) {
    const target = image(60, 60);
    paintStreak(target, 30.2, 30.4, 30.2 + dx, 30.4 + dy, RED, 1);
    assert.ok(Math.abs(covered(target) - Math.max(Math.abs(dx), Math.abs(dy))) < 1.1);
  }
});

test("a streak out of the picture or of no length paints nothing and ends", () => {
  const target = image(20, 20);
  paintStreak(target, 5, 5, 5, 5, RED, 1);
  paintStreak(target, 5, 5, 1e9, 5, RED, 1);
  paintStreak(target, -30, -30, -20, -25, RED, 1);
  assert.equal(covered(target), 0);
});
