// The painter of particles and their trails.

import { drawHaloText, rgbOf, setFont } from "./canvas.js";
import { between, clamp, mixInto, stepSize } from "./interpolate.js";
import { paintDisc, paintStreak, pixelCanvas } from "./pixels.js";

export class ParticlesPainter {
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
