// Iso-lines by marching squares, joined to polylines so that dashes run evenly along them.

/**
 * A tracer for grids of `columns` x `rows`: trace(values, level) gives polylines [x, y, x, y, ...] in grid units;
 * a closed line repeats its first point. A saddle is cut by the mean of its four corners.
 */
export function isolineTracer(columns, rows) {
  const count = columns * rows;
  // Edge e < count runs right from node e; edge count + e runs up from node e. Each crossing has at most two neighbours.
  const first = new Int32Array(2 * count).fill(-1);
  const second = new Int32Array(2 * count).fill(-1);
  let crossed = [];

  function link(e, f) {
    for (const [from, to] of [[e, f], [f, e]]) {
      if (first[from] < 0) {
        first[from] = to;
        crossed.push(from);
      } else second[from] = to;
    }
  }

  function linkCell(values, level, node) {
    const bl = values[node];
    const br = values[node + 1];
    const tl = values[node + columns];
    const tr = values[node + columns + 1];
    const kind = (bl >= level) | ((br >= level) << 1) | ((tr >= level) << 2) | ((tl >= level) << 3);
    if (kind === 0 || kind === 15) return;
    const bottom = node;
    const top = node + columns;
    const left = count + node;
    const right = count + node + 1;
    if (kind === 1 || kind === 14) link(left, bottom);
    else if (kind === 2 || kind === 13) link(bottom, right);
    else if (kind === 3 || kind === 12) link(left, right);
    else if (kind === 4 || kind === 11) link(right, top);
    else if (kind === 6 || kind === 9) link(bottom, top);
    else if (kind === 7 || kind === 8) link(left, top);
    else {
      const joined = (bl + br + tl + tr) / 4 >= level;
      if ((kind === 5) === joined) {
        link(left, top);
        link(bottom, right);
      } else {
        link(left, bottom);
        link(right, top);
      }
    }
  }

  function addPoint(line, values, level, edge) {
    const upwards = edge >= count;
    const node = upwards ? edge - count : edge;
    const a = values[node];
    const b = values[upwards ? node + columns : node + 1];
    const share = (level - a) / (b - a);
    const x = node % columns;
    const y = (node - x) / columns;
    line.push(upwards ? x : x + share, upwards ? y + share : y);
  }

  /** Walk from `start` until the line ends or closes, unlinking what was walked. */
  function walk(values, level, start) {
    const line = [];
    let before = -1;
    let edge = start;
    while (edge >= 0) {
      addPoint(line, values, level, edge);
      const next = first[edge] !== before && first[edge] >= 0 ? first[edge] : second[edge];
      const ended = next < 0 || (first[next] < 0 && next !== start);
      if (before >= 0) first[before] = second[before] = -1;
      if (ended) break;
      before = edge;
      edge = next;
      if (edge === start) {
        line.push(line[0], line[1]);
        first[before] = second[before] = -1;
        break;
      }
    }
    first[edge] = second[edge] = -1;
    return line;
  }

  return function trace(values, level) {
    crossed = [];
    for (let row = 0; row < rows - 1; row++) {
      for (let column = 0; column < columns - 1; column++) linkCell(values, level, row * columns + column);
    }
    const lines = [];
    for (const edge of crossed) {
      if (first[edge] >= 0 && second[edge] < 0) lines.push(walk(values, level, edge));
    }
    for (const edge of crossed) {
      if (first[edge] >= 0) lines.push(walk(values, level, edge));
    }
    return lines;
  };
}
