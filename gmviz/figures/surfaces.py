"""The two landscapes as surfaces that can be turned."""

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from gmviz.experiments.landscapes import Result, Side
from gmviz.figures.landscapes import DECADES, SMALLEST, above_lowest, colour
from gmviz.figures.palette import PAPER, Q, Ramp


def surfaces(result: Result, frame: int) -> go.Figure:
    """log₁₀ of both heights above their lowest points at a frame, `DECADES` deep, with the ball's path."""
    sides = (result.left, result.right)
    figure = make_subplots(
        rows=1,
        cols=2,
        specs=[[{"type": "surface"}] * 2],
        subplot_titles=[side.kind.label for side in sides],
        horizontal_spacing=0.02,
    )
    for column, side in enumerate(sides, 1):
        for trace in _traces(result, side, side.level(frame)):
            figure.add_trace(trace, row=1, col=column)
    across, up = (name.split(":")[0] for name in result.family.parameters)
    figure.update_scenes(
        xaxis_title=across, yaxis_title=up, zaxis_title="log₁₀", camera_eye={"x": -1.9, "y": -1.9, "z": 1.3}
    )
    figure.update_layout(height=460, margin={"l": 0, "r": 0, "t": 30, "b": 0}, showlegend=False)
    return figure


def _traces(result: Result, side: Side, level: int) -> tuple[go.Surface, go.Scatter3d]:
    heights = above_lowest(side)[level]
    top = float(heights.max())
    a0, a1, b0, b1 = result.family.box
    rows, columns = heights.shape
    table = Ramp(side.kind.short, low=PAPER, high=colour(side.kind)).table("light")
    scale = [[i / 15, f"rgb({r},{g},{b})"] for i, (r, g, b) in enumerate(table[::17].tolist())]
    surface = go.Surface(
        x=np.linspace(a0, a1, columns),
        y=np.linspace(b0, b1, rows),
        z=heights.clip(top - DECADES),
        colorscale=scale,
        showscale=False,
        contours_z={"show": True, "color": "#888888", "size": 0.5, "start": top - DECADES, "end": top},
    )
    path = side.path.theta[:, level].numpy()
    above = side.path.heights[:, level] - side.height[level]
    z = above.clamp(min=SMALLEST).log10().numpy().clip(top - DECADES)
    line = go.Scatter3d(
        x=path[:, 0],
        y=path[:, 1],
        z=z + 0.05,
        mode="markers",  # a line between two evaluations would dive below the surface
        marker={"size": 4, "color": Q.light},
    )
    return surface, line
