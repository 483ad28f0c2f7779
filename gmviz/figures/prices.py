"""The error of samplers against the evaluations they cost."""

from collections.abc import Iterable

import altair as alt
import pandas as pd

from gmviz.experiments.prices import Priced
from gmviz.experiments.samplers import Result
from gmviz.figures.palette import MUTED


def table(tried: Iterable[Priced], result: Result) -> pd.DataFrame:
    """What was tried under the terms of `result`: sampler, evaluations, distance, and the null."""
    terms = {road.terms for road in result.request.roads}
    rows = {
        (each.sampler, each.price.evaluations): each.price.distance for each in tried if each.terms in terms
    }
    data = pd.DataFrame(
        [(sampler, spent, distance) for (sampler, spent), distance in sorted(rows.items())],
        columns=["sampler", "evaluations", "distance"],
    )
    return data.assign(perfect=result.ways[0].goal_null)


def chart(data: pd.DataFrame) -> alt.LayerChart | alt.FacetChart:
    """A point for each run, joined per sampler, both axes logarithmic; a line where perfect samples read.

    A run that broke (distance +∞) has no point.
    """
    across = alt.X("evaluations:Q", title="evaluations of the score")
    up = alt.Y("distance:Q", title="SW₁ to p (length)").scale(type="log", zero=False)
    base = alt.Chart(data[data["distance"] < float("inf")]).encode(
        x=across.scale(type="log", domain=(8, 6_000), nice=False), y=up
    )
    legend = alt.Legend(title=None, orient="bottom", labelLimit=400)
    dash = alt.StrokeDash("sampler:N", legend=legend)
    marks = alt.Shape("sampler:N", legend=legend)
    return alt.layer(
        base.mark_rule(strokeDash=[2, 3], color=MUTED.dark).encode(
            x=alt.value(0), x2=alt.value("width"), y="perfect:Q"
        ),
        base.mark_line(strokeWidth=1.5).encode(strokeDash=dash),
        base.mark_point(filled=True, size=45).encode(
            shape=marks, tooltip=["sampler:N", "evaluations:Q", "distance:Q", "perfect:Q"]
        ),
    ).properties(height=340)
