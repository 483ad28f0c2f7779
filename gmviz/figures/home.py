"""The picture at the door: p, q, and their log-ratio."""

from gmviz.experiments.home import Result
from gmviz.figures.animation import Animation, Heatmap, Panel
from gmviz.figures.divergences import axis, headline_tracks, log_ratio_panel, outlines, poster
from gmviz.figures.palette import P_DENSITY, Q_DENSITY


def animation(result: Result) -> Animation:
    """p and q side by side, log p/q beside them; KL and Fisher as tracks."""
    p, q = (result.map(each).exp() for each in (result.ratio.log_p, result.ratio.log_q))
    top = float(max(p.max(), q.max()))
    lines = outlines(result)
    left_p, left_q = (
        f"{100 * weight:.0f} % left" for weight in (result.request.weight_p, result.request.weight_q)
    )
    panels = (
        Panel(
            "p", result.extent, (Heatmap(p.numpy(), P_DENSITY, (0.0, top), "1/area", "p", bits=8), lines[0])
        ),
        Panel(
            "q", result.extent, (Heatmap(q.numpy(), Q_DENSITY, (0.0, top), "1/area", "q", bits=8), lines[1])
        ),
        log_ratio_panel(result, lines),
    )
    return Animation(axis(result), panels, headline_tracks(result), poster=poster(result), log_tracks=True)
