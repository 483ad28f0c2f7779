"""The picture at the door: p, q, and their log-ratio."""

from torch import Tensor

from gmviz.experiments.home import Result
from gmviz.figures.animation import Animation, Contours, Heatmap, Panel
from gmviz.figures.divergences import axis, headline_tracks, log_ratio_panel, outlines, poster
from gmviz.figures.palette import P_DENSITY, Q_DENSITY, Ramp


def animation(result: Result) -> Animation:
    """p and q side by side, log p/q beside them; KL and Fisher as tracks."""
    p, q = (result.window.map(each).exp() for each in (result.ratio.log_p, result.ratio.log_q))
    top = float(max(p.max(), q.max()))
    lines = outlines(result)

    def density(name: str, values: Tensor, ramp: Ramp, weight: float, line: Contours) -> Panel:
        heat = Heatmap(values.numpy(), ramp, (0.0, top), "1/area", name, bits=8)
        return Panel(name, result.window.extent, (heat, line), f"{100 * weight:.0f} % of its mass is left")

    panels = (
        density("p", p, P_DENSITY, result.request.weight_p, lines[0]),
        density("q", q, Q_DENSITY, result.request.weight_q, lines[1]),
        log_ratio_panel(result, lines),
    )
    return Animation(axis(result), panels, headline_tracks(result), poster=poster(result), log_tracks=True)
