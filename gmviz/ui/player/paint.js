// What moves inside a panel: one painter per kind of layer.

import { DASH, drawHaloText, rgbOf, setFont } from "./canvas.js";
import { between, clamp, codeOf, mixInto, stepSize, topCode } from "./interpolate.js";
import { isolineTracer } from "./isolines.js";
import { paintDisc, paintStreak, pixelCanvas } from "./pixels.js";

const LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

function packedColour(r, g, b) {
  return LITTLE_ENDIAN ? ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0 : ((r << 24) | (g << 16) | (b << 8) | 255) >>> 0;
}

function colourTable(ramp) {
  return Uint32Array.from({ length: 256 }, (_, i) => packedColour(...ramp.data.subarray(3 * i, 3 * i + 3)));
}

/** The colours of a map at `position`: values are mixed first, then looked up. */
export function paintCodes(words, map, table, position) {
  const [steps, rows, columns] = map.values.shape;
  const codes = map.values.data;
  const top = topCode(map.values);
  const scale = 255 / (top - 3);
  const { a, b, f } = between(position, steps);
  const size = rows * columns;
  for (let row = 0; row < rows; row++) {
    let i = a * size + row * columns;
    let j = b * size + row * columns;
    let k = (rows - 1 - row) * columns;
    for (let column = 0; column < columns; column++, i++, j++, k++) {
      const from = codes[i];
      const to = codes[j];
      if (from === top || to === top) words[k] = 0;
      else words[k] = table[clamp(((from + f * (to - from) - 1) * scale + 0.5) | 0, 0, 255)];
    }
  }
}

class HeatmapPainter {
  constructor(layer) {
    this.layer = layer;
    const [, rows, columns] = layer.values.shape;
    this.pixels = pixelCanvas(columns, rows);
  }

  prepare(position, look) {
    if (this.theme !== look.theme) {
      this.theme = look.theme;
      this.table = colourTable(this.layer.ramp[look.theme]);
    }
    paintCodes(this.pixels.words, this.layer, this.table, position);
    this.pixels.ctx.putImageData(this.pixels.image, 0, 0);
  }

  draw(ctx, { frame }) {
    const { width, height } = this.pixels.canvas;
    ctx.imageSmoothingEnabled = true;
    // Nodes lie on the frame's edge, so half a cell on each side stays outside.
    ctx.drawImage(this.pixels.canvas, 0.5, 0.5, width - 1, height - 1, frame.x, frame.y, frame.w, frame.h);
  }
}

function strokeLine(ctx, path, layer, look, halo) {
  ctx.lineJoin = "round";
  if (halo) {
    ctx.globalAlpha = 0.65;
    ctx.lineWidth = layer.width + 1.6;
    ctx.strokeStyle = look.paper;
    ctx.stroke(path);
    ctx.globalAlpha = 1;
  }
  ctx.setLineDash(layer.dashed ? DASH : []);
  ctx.lineWidth = layer.width;
  ctx.strokeStyle = layer.colour[look.theme];
  ctx.stroke(path);
  ctx.setLineDash([]);
}

class ContoursPainter {
  constructor(layer) {
    this.layer = layer;
    [, this.rows, this.columns] = layer.values.shape;
    this.grid = new Float32Array(this.rows * this.columns);
    this.trace = isolineTracer(this.columns, this.rows);
    const top = topCode(layer.values);
    this.levels = layer.levels.map((level) => codeOf(level, layer.low, layer.high, top));
  }

  prepare(position) {
    mixInto(this.grid, this.layer.values, position);
    this.path = new Path2D();
    for (const level of this.levels) {
      for (const line of this.trace(this.grid, level)) {
        this.path.moveTo(line[0], line[1]);
        for (let i = 2; i < line.length; i += 2) this.path.lineTo(line[i], line[i + 1]);
      }
    }
  }

  draw(ctx, { frame, look }) {
    const sx = frame.w / (this.columns - 1);
    const sy = frame.h / (this.rows - 1);
    const placed = new Path2D();
    placed.addPath(this.path, new DOMMatrix([sx, 0, 0, -sy, frame.x, frame.y + frame.h]));
    strokeLine(ctx, placed, this.layer, look, true);
  }
}

class ArrowsPainter {
  constructor(layer) {
    this.layer = layer;
    this.vectors = new Float32Array(stepSize(layer.vectors));
  }

  prepare(position) {
    mixInto(this.vectors, this.layer.vectors, position);
  }

  draw(ctx, { frame, to, look }) {
    const [, rows, columns] = this.layer.vectors.shape;
    ctx.beginPath();
    for (let row = 0, k = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++, k += 2) {
        const dx = this.vectors[k] * this.layer.unit * to.sx;
        const dy = -this.vectors[k + 1] * this.layer.unit * to.sy;
        const length = Math.hypot(dx, dy);
        if (length < 0.7) continue;
        const x = frame.x + ((column + 0.5) / columns) * frame.w - dx / 2;
        const y = frame.y + (1 - (row + 0.5) / rows) * frame.h - dy / 2;
        const head = Math.min(5, 0.45 * length) / length;
        ctx.moveTo(x, y);
        ctx.lineTo(x + dx, y + dy);
        ctx.moveTo(x + dx - head * (dx - 0.55 * dy), y + dy - head * (dy + 0.55 * dx));
        ctx.lineTo(x + dx, y + dy);
        ctx.lineTo(x + dx - head * (dx + 0.55 * dy), y + dy - head * (dy - 0.55 * dx));
      }
    }
    ctx.lineWidth = 1.1;
    ctx.lineCap = "round";
    ctx.strokeStyle = this.layer.colour[look.theme];
    ctx.stroke();
    ctx.lineCap = "butt";
  }
}

class ParticlesPainter {
  constructor(layer) {
    this.layer = layer;
    this.places = new Float32Array(stepSize(layer.positions));
    this.values = layer.values ? new Float32Array(stepSize(layer.values)) : null;
    this.outside = 0;
  }

  prepare(position, look) {
    this.position = position;
    this.read(this.places, position);
    if (this.values) mixInto(this.values, this.layer.values, position);
    if (this.theme !== look.theme) {
      this.theme = look.theme;
      const { colour, colours, ramp } = this.layer;
      if (ramp) this.table = Array.from({ length: 256 }, (_, i) => ramp[look.theme].data.subarray(3 * i, 3 * i + 3));
      else this.table = (this.layer.categories ? colours : [colour]).map((each) => rgbOf(each[look.theme]));
    }
  }

  /** Coordinates at `position` in the panel's units; NaN where either of the two steps has the particle absent. */
  read(out, position) {
    const { positions, window } = this.layer;
    const { a, b, f } = between(position, positions.shape[0]);
    const [x0, x1, y0, y1] = window;
    const codes = positions.data;
    const i0 = a * out.length;
    const i1 = b * out.length;
    const sx = (x1 - x0) / 65532;
    const sy = (y1 - y0) / 65532;
    for (let i = 0; i < out.length; i += 2) {
      const ax = codes[i0 + i];
      const bx = codes[i1 + i];
      if (ax === 65535 || (bx === 65535 && f > 0)) {
        out[i] = out[i + 1] = NaN;
        continue;
      }
      const ay = codes[i0 + i + 1];
      out[i] = x0 + (ax + f * (bx - ax) - 1) * sx;
      out[i + 1] = y0 + (ay + f * (codes[i1 + i + 1] - ay) - 1) * sy;
    }
  }

  colourIndex(i) {
    if (this.values) return clamp(Math.round(((this.values[i] - 1) * 255) / 252), 0, 255);
    return this.layer.categories ? this.layer.categories.data[i] : 0;
  }

  draw(ctx, { frame, to, look, ratio }) {
    const width = Math.ceil(frame.w * ratio);
    const height = Math.ceil(frame.h * ratio);
    const key = `${width} ${height}`;
    this.buffers ??= new Map();
    if (!this.buffers.has(key)) this.buffers.set(key, pixelCanvas(width, height));
    const { canvas, ctx: own, image, words } = this.buffers.get(key);
    words.fill(0);
    const place = {
      image,
      ratio,
      x: (value) => (to.x(value) - frame.x) * ratio,
      y: (value) => (to.y(value) - frame.y) * ratio,
    };
    if (this.layer.trail) this.paintTrails(place);
    this.paintDiscs(place);
    own.putImageData(image, 0, 0);
    ctx.drawImage(canvas, frame.x, frame.y, width / ratio, height / ratio);
    if (this.outside) {
      setFont(ctx, look, 14);
      ctx.textAlign = "right";
      ctx.textBaseline = "bottom";
      ctx.fillStyle = look.muted;
      drawHaloText(ctx, look, `${this.outside} outside`, frame.x + frame.w - 8, frame.y + frame.h - 6);
    }
  }

  paintDiscs({ image, ratio, x, y }) {
    this.outside = 0;
    for (let i = 0, k = 0; k < this.places.length; i++, k += 2) {
      const px = x(this.places[k]);
      const py = y(this.places[k + 1]);
      if (!(px >= 0 && px <= image.width && py >= 0 && py <= image.height)) this.outside++;
      else paintDisc(image, px, py, this.layer.size * ratio, this.table[this.colourIndex(i)], 0.82);
    }
  }

  /** Streaks between the past steps, the oldest first and faintest. */
  paintTrails({ image, x, y }) {
    const { trail } = this.layer;
    const oldest = Math.min(trail, Math.ceil(this.position));
    const [from, to] = (this.ends ??= [new Float32Array(this.places.length), new Float32Array(this.places.length)]);
    for (let age = oldest; age > 0; age--) {
      this.read(from, Math.max(0, this.position - age));
      this.read(to, this.position - age + 1);
      const opacity = 0.55 * (1 - (age - 1) / trail);
      for (let i = 0, k = 0; k < from.length; i++, k += 2) {
        const colour = this.table[this.colourIndex(i)];
        const ends = [x(from[k]), y(from[k + 1]), x(to[k]), y(to[k + 1])];
        if (ends.every(Number.isFinite)) paintStreak(image, ...ends, colour, opacity);
      }
    }
  }
}

class PointsPainter {
  constructor(layer) {
    this.layer = layer;
    this.places = new Float32Array(stepSize(layer.positions));
  }

  prepare(position) {
    mixInto(this.places, this.layer.positions, position);
  }

  draw(ctx, { to, look }) {
    const { size, colour, labels } = this.layer;
    setFont(ctx, look, 14, 600);
    ctx.textAlign = "left";
    ctx.textBaseline = "middle";
    for (let i = 0, k = 0; k < this.places.length; i++, k += 2) {
      const x = to.x(this.places[k]);
      const y = to.y(this.places[k + 1]);
      if (!Number.isFinite(x + y)) continue;
      ctx.beginPath();
      ctx.arc(x, y, size, 0, 2 * Math.PI);
      ctx.fillStyle = colour[look.theme];
      ctx.fill();
      ctx.lineWidth = size > 3 ? 1.5 : 0.75;
      ctx.strokeStyle = look.paper;
      ctx.stroke();
      if (labels.length) {
        ctx.fillStyle = look.ink;
        drawHaloText(ctx, look, labels[i], x + size + 5, y);
      }
    }
  }
}

class HandlesPainter {
  constructor(layer) {
    this.layer = layer;
    this.places = new Float32Array(stepSize(layer.positions));
    this.dragged = new Map(); // handle index -> [x, y], ahead of the data
  }

  prepare(position) {
    mixInto(this.places, this.layer.positions, position);
    for (const [i, [x, y]] of this.dragged) {
      this.places[2 * i] = x;
      this.places[2 * i + 1] = y;
    }
  }

  draw(ctx, { to, look }) {
    this.layer.names.forEach((_, i) => {
      const x = to.x(this.places[2 * i]);
      const y = to.y(this.places[2 * i + 1]);
      const colour = this.layer.colours[i][look.theme];
      for (const [radius, fill] of [[9.5, look.paper], [8, colour], [3, look.paper]]) {
        ctx.beginPath();
        ctx.arc(x, y, radius, 0, 2 * Math.PI);
        ctx.fillStyle = fill;
        ctx.fill();
      }
    });
  }
}

class PolylinePainter {
  constructor(layer) {
    this.layer = layer;
    this.points = new Float32Array(stepSize(layer.points));
  }

  prepare(position) {
    mixInto(this.points, this.layer.points, position);
  }

  draw(ctx, { to, look }) {
    const path = new Path2D();
    let down = false;
    for (let k = 0; k < this.points.length; k += 2) {
      const x = to.x(this.points[k]);
      const y = to.y(this.points[k + 1]);
      if (!Number.isFinite(x + y)) down = false;
      else if (down) path.lineTo(x, y);
      else {
        path.moveTo(x, y);
        down = true;
      }
    }
    strokeLine(ctx, path, this.layer, look, false);
  }
}

class SegmentsPainter {
  constructor(layer) {
    this.layer = layer;
    this.ends = new Float32Array(stepSize(layer.ends));
  }

  prepare(position) {
    mixInto(this.ends, this.layer.ends, position);
  }

  draw(ctx, { to, look }) {
    const path = new Path2D();
    for (let k = 0; k < this.ends.length; k += 4) {
      path.moveTo(to.x(this.ends[k]), to.y(this.ends[k + 1]));
      path.lineTo(to.x(this.ends[k + 2]), to.y(this.ends[k + 3]));
    }
    strokeLine(ctx, path, this.layer, look, false);
  }
}

class BarsPainter {
  constructor(layer) {
    this.layer = layer;
    this.edges = new Float32Array(stepSize(layer.edges));
    this.heights = new Float32Array(stepSize(layer.heights));
  }

  prepare(position) {
    mixInto(this.edges, this.layer.edges, position);
    mixInto(this.heights, this.layer.heights, position);
  }

  draw(ctx, { to, look }) {
    const ground = to.y(0);
    ctx.fillStyle = ctx.strokeStyle = this.layer.colour[look.theme];
    ctx.lineWidth = 1;
    for (let i = 0; i < this.heights.length; i++) {
      const x = to.x(this.edges[i]);
      const w = to.x(this.edges[i + 1]) - x;
      const y = to.y(this.heights[i]);
      ctx.globalAlpha = 0.4;
      ctx.fillRect(x, y, w, ground - y);
      ctx.globalAlpha = 0.9;
      ctx.strokeRect(x, y, w, ground - y);
    }
    ctx.globalAlpha = 1;
  }
}

const PAINTERS = {
  heatmap: HeatmapPainter,
  contours: ContoursPainter,
  arrows: ArrowsPainter,
  particles: ParticlesPainter,
  points: PointsPainter,
  handles: HandlesPainter,
  polyline: PolylinePainter,
  segments: SegmentsPainter,
  bars: BarsPainter,
};

/** The painter of a layer: prepare(position, look) once per picture, draw(ctx, place) once per panel. */
export function painterOf(layer) {
  if (!(layer.kind in PAINTERS)) throw new Error(`the picture has a layer of an unknown kind, ${layer.kind}`);
  return new PAINTERS[layer.kind](layer);
}
