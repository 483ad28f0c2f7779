import assert from "node:assert/strict";
import test from "node:test";

import * as between from "../../gmviz/ui/player/interpolate.js";

const array = (data, shape) => ({ data, shape });
const close = (a, b, tolerance = 1e-12) => assert.ok(Math.abs(a - b) <= tolerance, `${a} is not ${b}`);

test("a position lies between two steps, and is held within the run", () => {
  assert.deepEqual(between.between(1.25, 4), { a: 1, b: 2, f: 0.25 });
  assert.deepEqual(between.between(3, 4), { a: 3, b: 3, f: 0 });
  for (const wild of [-1, NaN, -Infinity]) assert.deepEqual(between.between(wild, 4), { a: 0, b: 1, f: 0 });
  assert.deepEqual(between.between(99, 4), { a: 3, b: 3, f: 0 });
  assert.deepEqual(between.between(2.5, 1), { a: 0, b: 0, f: 0 });
});

test("arrays mix linearly, what stands still stays", () => {
  const moving = array(new Float32Array([0, 10, 4, 20]), [2, 2]);
  assert.deepEqual([...between.mixInto(new Float32Array(2), moving, 0.25)], [1, 12.5]);
  assert.deepEqual([...between.mixInto(new Float32Array(2), array(new Float32Array([3, 5]), [1, 2]), 7)], [3, 5]);
});

test("codes and values are inverse over the range, and beyond it give its ends", () => {
  for (const top of [255, 65535]) {
    for (const v of [-2, -0.5, 0, 1.25, 3]) close(between.valueOf(between.codeOf(v, -2, 3, top), -2, 3, top), v);
    assert.equal(between.valueOf(0, -2, 3, top), -2);
    assert.equal(between.valueOf(top - 1, -2, 3, top), 3);
  }
});

test("a map is read bilinearly in the plane and linearly between steps", () => {
  const code = (v) => between.codeOf(v, 0, 10, 65535);
  const f = (t, r, c) => 1 + 2 * t + 3 * r + c;
  const codes = [];
  for (const t of [0, 1]) for (const r of [0, 1]) for (const c of [0, 1, 2]) codes.push(Math.round(code(f(t, r, c))));
  const map = { low: 0, high: 10, values: array(new Uint16Array(codes), [2, 2, 3]) };
  close(between.readMap(map, 0.3, 1.4, 0.7).value, f(0.3, 0.7, 1.4), 1e-3);
  assert.equal(between.readMap(map, 0, 1, 0).beyond, "");
});

test("clipped and absent values are told apart from values", () => {
  const map = (codes) => ({ low: 0, high: 1, values: array(new Uint16Array(codes), [1, 2, 2]) });
  assert.deepEqual(between.readMap(map([0, 0, 0, 0]), 0, 0.5, 0.5), { value: 0, beyond: "at most" });
  assert.deepEqual(between.readMap(map([65534, 65534, 65534, 65534]), 0, 0, 0), { value: 1, beyond: "at least" });
  assert.equal(between.readMap(map([65535, 1, 1, 1]), 0, 0.5, 0.5), null);
  assert.equal(between.readMap(map([65535, 1, 1, 1]), 0, 1, 1).value, 0);
});

test("axis values and positions are inverse, rising, falling and logarithmic", () => {
  for (const [values, log] of [[[2, 4, 8, 10], false], [[0.5, 0.1, 0.01], true], [[1, 0.5, 0], false]]) {
    const axis = { log, values: array(new Float64Array(values), [values.length]) };
    for (const p of [0, 0.3, 1, 1.75, values.length - 1]) {
      close(between.axisPosition(axis, between.axisValue(axis, p)), Math.min(p, values.length - 1));
    }
    assert.equal(between.axisPosition(axis, values[0] * 3 - values[1] * 2), 0);
    assert.equal(between.axisPosition(axis, NaN), 0);
  }
  const axis = { log: true, values: array(new Float64Array([1, 100]), [2]) };
  close(between.axisValue(axis, 0.5), 10);
});

test("a track follows the straight line of its chart; infinity does not mix", () => {
  close(between.trackValue([1, 3], 0.5, false), 2);
  close(between.trackValue([1e-4, 1e-2], 0.5, true), 1e-3);
  assert.equal(between.trackValue([1, Infinity], 0.25, false), 1);
  assert.equal(between.trackValue([1, Infinity], 0.75, false), Infinity);
  assert.equal(between.trackValue([5], 0.5, true), 5);
});
