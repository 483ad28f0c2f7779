// Painters of fields: maps, iso-lines, arrows. prepare(position, look) once per picture, draw(ctx, place) per panel.

import { strokeLine } from "./canvas.js";
import { between, clamp, codeOf, mixInto, stepSize, topCode } from "./interpolate.js";
import { isolineTracer } from "./isolines.js";
import { pixelCanvas } from "./pixels.js";

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

export class HeatmapPainter {
  constructor(layer) {
    this.layer = layer;
    const [, rows, columns] = layer.values.shape;
    this.pixels = pixelCanvas(columns, rows);
  }

  prepare(position, look) {
    const at = clamp(position, 0, this.layer.values.shape[0] - 1);
    if (this.at === at && this.theme === look.theme) return;
    if (this.theme !== look.theme) this.table = colourTable(this.layer.ramp[look.theme]);
    Object.assign(this, { at, theme: look.theme });
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

export class ContoursPainter {
  constructor(layer) {
    this.layer = layer;
    [, this.rows, this.columns] = layer.values.shape;
    this.grid = new Float32Array(this.rows * this.columns);
    this.trace = isolineTracer(this.columns, this.rows);
    const top = topCode(layer.values);
    this.levels = layer.levels.map((level) => codeOf(level, layer.low, layer.high, top));
  }

  prepare(position) {
    const at = clamp(position, 0, this.layer.values.shape[0] - 1);
    if (this.at === at) return;
    this.at = at;
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

export class ArrowsPainter {
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
