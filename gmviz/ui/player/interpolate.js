// Numbers between the steps: a position is a real number in [0, steps - 1].

export function clamp(x, low, high) {
  return x < low ? low : x > high ? high : x === x ? x : low;
}

/** The steps a and b around `position` and the share f of b; everything is step 0 for what stands still. */
export function between(position, steps) {
  const at = clamp(position, 0, steps - 1);
  const a = Math.floor(at);
  return { a, b: Math.min(a + 1, steps - 1), f: at - a };
}

/** The step array of `array` (first length: steps) at `position`, written into `out`. */
export function mixInto(out, array, position) {
  const size = out.length;
  const { a, b, f } = between(position, array.shape[0]);
  const data = array.data;
  const i0 = a * size;
  const i1 = b * size;
  for (let i = 0; i < size; i++) out[i] = data[i0 + i] + f * (data[i1 + i] - data[i0 + i]);
  return out;
}

/** The number of the values in one step. */
export function stepSize(array) {
  return array.data.length / array.shape[0];
}

/** The largest code of a coded array. */
export function topCode(array) {
  return array.data.BYTES_PER_ELEMENT === 1 ? 255 : 65535;
}

/** The code, a real number, of `value` over (low, high). */
export function codeOf(value, low, high, top) {
  return 1 + ((value - low) * (top - 3)) / (high - low);
}

/** The value of a code over (low, high); codes beyond the range give its ends. */
export function valueOf(code, low, high, top) {
  return low + ((high - low) * (clamp(code, 1, top - 2) - 1)) / (top - 3);
}

/** A map's value at grid place (column, row): { value, beyond: "" | "at most" | "at least" }, or null where absent. */
export function readMap(map, position, column, row) {
  const [steps, rows, columns] = map.values.shape;
  const top = topCode(map.values);
  const c = clamp(column, 0, columns - 1);
  const r = clamp(row, 0, rows - 1);
  const c0 = Math.min(Math.floor(c), columns - 2);
  const r0 = Math.min(Math.floor(r), rows - 2);
  const { a, b, f } = between(position, steps);
  let value = 0;
  let beyond = "";
  for (const [step, share] of [[a, 1 - f], [b, f]]) {
    for (let i = 0; i < 2; i++) {
      for (let j = 0; j < 2; j++) {
        const weight = share * (i ? r - r0 : 1 - (r - r0)) * (j ? c - c0 : 1 - (c - c0));
        if (weight === 0) continue;
        const code = map.values.data[(step * rows + r0 + i) * columns + c0 + j];
        if (code === top) return null;
        if (code === 0) beyond = "at most";
        if (code === top - 1) beyond = "at least";
        value += weight * valueOf(code, map.low, map.high, top);
      }
    }
  }
  return { value, beyond };
}

/** The swept quantity at `position`; between two steps of a log axis it runs geometrically. */
export function axisValue(axis, position) {
  const values = axis.values.data;
  const { a, b, f } = between(position, values.length);
  if (f === 0) return values[a];
  return axis.log ? values[a] * (values[b] / values[a]) ** f : values[a] + f * (values[b] - values[a]);
}

/** The position at which the swept quantity is `value`, the nearest end if it never is. */
export function axisPosition(axis, value) {
  const values = axis.values.data;
  const last = values.length - 1;
  if (last === 0 || !Number.isFinite(value)) return 0;
  const sign = values[last] > values[0] ? 1 : -1;
  if (sign * value <= sign * values[0]) return 0;
  if (sign * value >= sign * values[last]) return last;
  let a = 0;
  let b = last;
  while (b - a > 1) {
    const middle = (a + b) >> 1;
    if (sign * values[middle] <= sign * value) a = middle;
    else b = middle;
  }
  const share = axis.log
    ? Math.log(value / values[a]) / Math.log(values[b] / values[a])
    : (value - values[a]) / (values[b] - values[a]);
  return a + share;
}

/** A track's number at `position`; on a log axis it follows the straight line drawn there. */
export function trackValue(values, position, log) {
  const { a, b, f } = between(position, values.length);
  if (f === 0 || values[a] === values[b]) return values[a];
  if (!Number.isFinite(values[a]) || !Number.isFinite(values[b])) return f < 0.5 ? values[a] : values[b];
  if (log && values[a] > 0 && values[b] > 0) return values[a] * (values[b] / values[a]) ** f;
  return values[a] + f * (values[b] - values[a]);
}
