"""Pictures of a normal fitted to a uniform square by its score."""

import torch

from gmviz.experiments.hard_edges import CLEAN, VARIANCES, Edges, model
from gmviz.figures.animation import (
    Animation,
    Arrows,
    Axis,
    Contours,
    Heatmap,
    Panel,
    Polyline,
    Segments,
    Track,
)
from gmviz.figures.palette import FISHER, INK, P_DENSITY, P, Q

HALF = 1.8  # of the drawn square
SIDE = 73
ARROWS = 12
LEVELS = (-4.5, -2.0, -0.5)
UNIT = "1/length²"


def edges(result: Edges) -> Animation:
    """The square with the model's score, a cut through both densities, and the two losses."""
    axis = Axis("variance of the model", "length²", VARIANCES.numpy(), "v", log=True)
    tracks = (
        Track("ESM", "ESM", result.esm.numpy(), FISHER, "diamond", UNIT),
        Track("ISM + constant", "ISM", result.ism.numpy(), INK, "diamond", UNIT, dashed=True),
        Track("Edge flow", "flow", result.flow.numpy(), Q, "round", UNIT),
    )
    poster = int((VARIANCES - 1 / 3).abs().argmin())
    return Animation(axis, (_plane(result), _cut(result)), tracks, poster=poster, seconds=6.0)


def _plane(result: Edges) -> Panel:
    ends = torch.linspace(-HALF, HALF, SIDE, dtype=torch.float64)
    nodes = torch.stack(torch.meshgrid(ends, ends, indexing="xy"), dim=-1).flatten(0, 1)
    density = result.request.law.log_prob(nodes).exp().unflatten(0, (SIDE, SIDE))
    centres = (torch.arange(ARROWS, dtype=torch.float64) + 0.5) / ARROWS * 2 * HALF - HALF
    cells = torch.stack(torch.meshgrid(centres, centres, indexing="xy"), dim=-1).flatten(0, 1)
    models = [model(variance) for variance in VARIANCES.tolist()]
    depth = torch.stack([-nodes.square().sum(-1) / (2 * v) for v in VARIANCES]).unflatten(-1, (SIDE, SIDE))
    field = torch.stack([q.score(cells) for q in models]).unflatten(1, (ARROWS, ARROWS))
    field = field / (2 + field.norm(dim=-1, keepdim=True))
    layers = [
        Heatmap(density.numpy()[None], P_DENSITY, (0.0, 0.6), "", "p", bits=8),
        Contours(depth[:, ::3, ::3].contiguous().numpy(), LEVELS, Q, dashed=True, label="model q"),
        Arrows(field.numpy(), Q, scale=2.2 * HALF / ARROWS, label="its score s"),
    ]
    if result.request.edges is CLEAN:
        layers.append(_flow())
    return Panel("The data and the model", (-HALF, HALF, -HALF, HALF), tuple(layers))


def _flow() -> Segments:
    """s at the edge, drawn outside it where it crosses: what integration by parts leaves over."""
    along = torch.linspace(-0.9, 0.9, 10, dtype=torch.float64)
    one = torch.ones_like(along)
    feet = torch.cat(
        [torch.stack(pair, -1) for pair in ((along, one), (along, -one), (one, along), (-one, along))]
    )
    axis = torch.tensor([1] * 20 + [0] * 20)
    ends = []
    for variance in VARIANCES.tolist():
        across = model(variance).score(feet).gather(1, axis[:, None])
        step = torch.zeros_like(feet).scatter(1, axis[:, None], 0.5 * across / (2 + across.abs()))
        ends.append(torch.stack([feet, feet + step], dim=1))
    return Segments(torch.stack(ends).numpy(), INK, width=2.5, label="s·n through the edge")


def _cut(result: Edges) -> Panel:
    """Both densities along y = 0."""
    x = torch.linspace(-HALF, HALF, 181, dtype=torch.float64)
    line = torch.stack([x, torch.zeros_like(x)], dim=-1)
    p = result.request.law.log_prob(line).exp()
    q = torch.stack([model(v).density.log_prob(line).exp() for v in VARIANCES.tolist()])
    top = 1.1 * float(q[int((VARIANCES - 1 / 3).abs().argmin())].max())
    layers = (
        Polyline(torch.stack([x, p], dim=-1).numpy()[None], P, width=2.5, label="p"),
        Polyline(torch.stack([x.expand_as(q), q], dim=-1).numpy(), Q, dashed=True, width=2.5),
    )
    return Panel(
        "A cut through the middle", (-HALF, HALF, 0.0, top), layers, x_label="x, at y = 0", equal=False
    )
