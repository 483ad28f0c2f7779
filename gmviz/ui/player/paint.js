// One painter per kind of layer.

import { ArrowsPainter, ContoursPainter, HeatmapPainter } from "./fields.js";
import { BarsPainter, HandlesPainter, PointsPainter, PolylinePainter, SegmentsPainter } from "./marks.js";
import { ParticlesPainter } from "./particles.js";

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
