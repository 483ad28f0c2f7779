import assert from "node:assert/strict";
import test from "node:test";

import { isolineTracer } from "../../gmviz/ui/player/isolines.js";

function sampled(columns, rows, f) {
  const values = new Float64Array(columns * rows);
  for (let y = 0; y < rows; y++) for (let x = 0; x < columns; x++) values[y * columns + x] = f(x, y);
  return values;
}

const points = (line) => Array.from({ length: line.length / 2 }, (_, i) => [line[2 * i], line[2 * i + 1]]);
const closed = (line) => line[0] === line.at(-2) && line[1] === line.at(-1);

test("the circle of a cone has its radius to a hundredth of a cell and closes", () => {
  const trace = isolineTracer(64, 64);
  const values = sampled(64, 64, (x, y) => Math.hypot(x - 31.3, y - 30.7));
  for (const radius of [5, 12.34, 25]) {
    const lines = trace(values, radius);
    assert.equal(lines.length, 1);
    assert.ok(closed(lines[0]));
    for (const [x, y] of points(lines[0])) assert.ok(Math.abs(Math.hypot(x - 31.3, y - 30.7) - radius) < 1.2e-2 + 0.12 / radius);
  }
});

test("the circle of a paraboloid is exact to a hundredth of a cell on its mean radius", () => {
  const values = sampled(96, 96, (x, y) => (x - 47.2) ** 2 + (y - 48.9) ** 2);
  const [line] = isolineTracer(96, 96)(values, 30 ** 2);
  for (const [x, y] of points(line)) assert.ok(Math.abs(Math.hypot(x - 47.2, y - 48.9) - 30) < 1e-2);
});

test("a plane gives one open straight line", () => {
  const lines = isolineTracer(10, 7)(sampled(10, 7, (x, y) => x + 2 * y), 7.5);
  assert.equal(lines.length, 1);
  assert.ok(!closed(lines[0]));
  for (const [x, y] of points(lines[0])) assert.ok(Math.abs(x + 2 * y - 7.5) < 1e-12);
});

test("a saddle is cut by the mean of its corners", () => {
  const trace = isolineTracer(2, 2);
  const joined = trace([1, 0.4, 0.4, 1], 0.5); // mean .7: the two high corners belong together
  const parted = trace([1, -0.4, -0.4, 1], 0.5); // mean .3: each high corner is cut off alone
  const touching = (lines, corner) => lines.some((line) => points(line).every(([x, y]) => Math.abs(x - corner[0]) + Math.abs(y - corner[1]) <= 1));
  assert.equal(joined.length, 2);
  assert.equal(parted.length, 2);
  assert.ok(touching(joined, [1, 0]) && touching(joined, [0, 1]));
  assert.ok(touching(parted, [0, 0]) && touching(parted, [1, 1]));
});

test("two hills give two loops below the pass of neither, one around both above it", () => {
  const hills = (x, y) => Math.exp(-((x - 10) ** 2 + (y - 15) ** 2) / 20) + Math.exp(-((x - 22) ** 2 + (y - 15) ** 2) / 20);
  const trace = isolineTracer(32, 30);
  const values = sampled(32, 30, hills);
  const pass = hills(16, 15);
  const count = (level) => trace(values, level).filter(closed).length;
  assert.equal(count(pass * 1.2), 2);
  assert.equal(count(pass * 0.8), 1);
  assert.equal(count(pass * 1.2), 2); // the tracer leaves nothing behind
});

test("every crossed edge is walked exactly once", () => {
  let seed = 1;
  const random = () => ((seed = (seed * 16807) % 2147483647) / 2147483647);
  const values = sampled(40, 33, () => random());
  const total = isolineTracer(40, 33)(values, 0.5).reduce((n, line) => n + line.length / 2 - (closed(line) ? 1 : 0), 0);
  let crossed = 0;
  for (let y = 0; y < 33; y++) {
    for (let x = 0; x < 40; x++) {
      const inside = values[y * 40 + x] >= 0.5;
      if (x < 39 && inside !== values[y * 40 + x + 1] >= 0.5) crossed++;
      if (y < 32 && inside !== values[(y + 1) * 40 + x] >= 0.5) crossed++;
    }
  }
  assert.equal(total, crossed);
});

test("nothing is drawn where the level is never crossed", () => {
  assert.deepEqual(isolineTracer(5, 5)(new Float64Array(25).fill(1), 2), []);
});
