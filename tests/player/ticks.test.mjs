import assert from "node:assert/strict";
import test from "node:test";

import * as ticks from "../../gmviz/ui/player/ticks.js";

test("three significant digits", () => {
  const expected = [
    [0.83168863, "0.832"], [7.42e-4, "7.42×10⁻⁴"], [0.00742, "0.00742"], [0.1, "0.100"], [12.345, "12.3"], [-3.2149, "−3.21"],
    [2499, "2500"], [951.4, "951"], [99999, "1.00×10⁵"], [0, "0"], [Infinity, "∞"], [-Infinity, "−∞"], [NaN, "not defined"],
    [0.99996, "1.00"], [1.5e-12, "1.50×10⁻¹²"],
  ];
  for (const [x, text] of expected) assert.equal(ticks.formatNumber(x), text);
});

test("an error has one digit; a reading no digit more than is known", () => {
  assert.equal(ticks.formatError(2.1e-9), "± 2×10⁻⁹");
  assert.equal(ticks.formatError(0.034), "± 0.03");
  assert.equal(ticks.formatReading(0.12345, 1e-6), "= 0.123");
  assert.equal(ticks.formatReading(0.12345, 0.05), "= 0.1");
  assert.equal(ticks.formatReading(-1e-7, 1e-6), "≈ 0");
});

test("a swept value has the decimals that tell its steps apart", () => {
  const lin = (a, b, n) => Array.from({ length: n }, (_, i) => a + ((b - a) * i) / (n - 1));
  assert.equal(ticks.valueFormatter(lin(2, 10, 41))(8), "8.0");
  assert.equal(ticks.valueFormatter(lin(0, 100, 101))(7), "7");
  assert.equal(ticks.valueFormatter(lin(0, 1, 81))(-1e-17), "0.000");
  assert.equal(ticks.valueFormatter([0.5, 0.1, 0.01], true)(0.1), "0.100");
  assert.equal(ticks.valueFormatter([5])(5), "5.00");
});

test("linear ticks are round, inside and about as many as asked for", () => {
  assert.deepEqual(ticks.linearTicks(-4.5, 4.5, 4), [-4, -2, 0, 2, 4]);
  assert.deepEqual(ticks.linearTicks(0, 0.3, 3), [0, 0.1, 0.2, 0.3]);
  assert.deepEqual(ticks.linearTicks(1, 1, 5), []);
  for (const [low, high] of [[-7.3, 12], [1e-7, 3e-7], [-1e5, 2e6]]) {
    for (const count of [2, 4, 7]) {
      const found = ticks.linearTicks(low, high, count);
      assert.ok(found.length >= 1 && found.length <= 1.5 * count + 2);
      for (const v of found) assert.ok(v >= low - 1e-9 * (high - low) && v <= high + 1e-9 * (high - low));
    }
  }
});

test("log ticks are powers of ten, finer where two do not fit", () => {
  assert.deepEqual(ticks.logTicks(1e-5, 1, 6).map(Math.log10).map(Math.round), [-5, -4, -3, -2, -1, 0]);
  assert.ok(ticks.logTicks(1e-9, 1, 4).length <= 5);
  assert.deepEqual(ticks.logTicks(0.05, 0.5, 6).map((x) => Number(x.toPrecision(3))), [0.05, 0.1, 0.2, 0.5]);
  assert.ok(ticks.logTicks(1.1, 1.9, 4).length >= 2);
});

test("the ticks of one axis are written in one way", () => {
  assert.deepEqual(ticks.formatTicks([1e-5, 1e-3, 0.1]), ["10⁻⁵", "10⁻³", "10⁻¹"]);
  assert.deepEqual(ticks.formatTicks([-2, 0, 2.5]), ["−2", "0", "2.5"]);
  assert.deepEqual(ticks.formatTicks([0, 20000]), ["0", "2×10⁴"]);
});

test("a map of powers of ten says the quantity itself", () => {
  assert.equal(ticks.formatMapValue(-6, true), "10⁻⁶");
  assert.equal(ticks.formatMapValue(2, true), "10²");
  assert.equal(ticks.formatMapValue(Math.log10(0.25), true), "0.25");
  assert.equal(ticks.formatMapValue(-6, false), "−6.00");
});
