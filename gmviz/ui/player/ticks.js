// Numbers as text, and the places of ticks.

const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";

function superscript(n) {
  return (n < 0 ? "⁻" : "") + String(Math.abs(n)).replace(/\d/g, (digit) => SUPERSCRIPTS[digit]);
}

function withMinus(text) {
  return text.replace("-", "−");
}

/** `digits` significant digits: 0.832, 7.42×10⁻⁴, 1230, ∞. */
export function formatNumber(x, digits = 3) {
  if (Number.isNaN(x)) return "not defined";
  if (!Number.isFinite(x)) return x > 0 ? "∞" : "−∞";
  if (x === 0) return "0";
  const rounded = Number(x.toPrecision(digits));
  const size = Math.abs(rounded);
  if (size >= 1e5 || size < 1e-3) {
    const [mantissa, exponent] = rounded.toExponential(digits - 1).split("e");
    return withMinus(`${mantissa}×10${superscript(Number(exponent))}`);
  }
  return withMinus(size >= 10 ** (digits - 1) ? String(rounded) : rounded.toPrecision(digits));
}

/** The quantity behind a map's value: itself, or with `powers` ten to that power, written as one if it is whole. */
export function formatMapValue(value, powers) {
  if (!powers) return formatNumber(value);
  return Number.isInteger(value) ? `10${superscript(value)}` : formatNumber(10 ** value, 2);
}

/** A number known to within `resolution`: no digit more than is known, at most three. */
export function formatReading(x, resolution) {
  if (!(Math.abs(x) > resolution)) return "≈ 0";
  const known = Math.floor(Math.log10(Math.abs(x) / resolution)) + 1;
  return `= ${formatNumber(x, Math.min(3, known))}`;
}

/** An error to one digit: ± 2×10⁻⁹. */
export function formatError(x) {
  return `± ${formatNumber(x, 1)}`;
}

/** How to write every one of `values`: enough decimals to tell neighbours apart, or significant digits if log. */
export function valueFormatter(values, log) {
  let step = Infinity;
  for (let i = 1; i < values.length; i++) step = Math.min(step, Math.abs(values[i] - values[i - 1]));
  const largest = values.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  if (log || !Number.isFinite(step) || step < 1e-5 * largest || largest >= 1e6 || step < 1e-5) {
    return (x) => formatNumber(x);
  }
  let decimals = 0;
  const told = (d) => values.every((v) => Math.abs(v - Number(v.toFixed(d))) < 0.1 * step);
  while (decimals < 4 && !told(decimals)) decimals++;
  return (x) => withMinus((Math.abs(x) < 0.5 * 10 ** -decimals ? 0 : x).toFixed(decimals));
}

/** About `count` round numbers in [low, high]. */
export function linearTicks(low, high, count) {
  const span = high - low;
  if (!(span > 0) || count < 1) return [];
  const rough = span / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough * 0.7);
  const ticks = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * span; i++) {
    ticks.push(Number((i * step).toPrecision(12)));
  }
  return ticks;
}

/** Powers of ten in [low, high], thinned to `count`; 1-2-5 or round numbers where fewer than two powers fit. */
export function logTicks(low, high, count) {
  const from = Math.ceil(Math.log10(low) - 1e-9);
  const to = Math.floor(Math.log10(high) + 1e-9);
  const stride = Math.max(1, Math.ceil((to - from + 1) / count));
  const ticks = [];
  for (let k = from; k <= to; k += stride) ticks.push(10 ** k);
  if (ticks.length >= 2 || to - from > 1) return ticks;
  const finer = [];
  for (let k = from - 1; k <= to + 1; k++) {
    for (const m of [1, 2, 5]) if (m * 10 ** k >= low * (1 - 1e-9) && m * 10 ** k <= high * (1 + 1e-9)) finer.push(m * 10 ** k);
  }
  const thinner = Math.max(1, Math.ceil(finer.length / Math.max(count, 2)));
  return finer.length >= 2 ? finer.filter((_, i) => i % thinner === 0) : linearTicks(low, high, count).filter((v) => v > 0);
}

/** The texts of an axis' ticks, in one way for all: powers of ten if any is far from 1. */
export function formatTicks(ticks) {
  const far = (x) => x !== 0 && (Math.abs(x) >= 1e4 || Math.abs(x) < 1e-2);
  const inPowers = ticks.some(far);
  return ticks.map((x) => formatTick(x, inPowers));
}

function formatTick(x, inPowers) {
  const size = Math.abs(x);
  if (inPowers && size > 0) {
    const exponent = Math.floor(Math.log10(size) + 1e-9);
    const mantissa = Number((x / 10 ** exponent).toPrecision(3));
    return withMinus(mantissa === 1 ? `10${superscript(exponent)}` : `${mantissa}×10${superscript(exponent)}`);
  }
  return withMinus(String(Number(x.toPrecision(6))));
}
