// Painters of marks: points, handles, lines, bars.

import { drawHaloText, setFont, strokeLine } from "./canvas.js";
import { mixInto, stepSize } from "./interpolate.js";

export class PointsPainter {
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

export class HandlesPainter {
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

export class PolylinePainter {
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

export class SegmentsPainter {
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

export class BarsPainter {
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
