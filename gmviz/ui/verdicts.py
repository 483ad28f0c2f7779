"""The fold under the samplers: a verdict on every road, and its error against its cost."""

import streamlit as st

from gmviz.experiments.prices import curve
from gmviz.experiments.samplers import Result
from gmviz.figures import prices
from gmviz.figures.samplers import verdicts as table
from gmviz.ui.cache import cached


def verdicts(result: Result, words: str) -> None:
    """Every metric beside its null, and a curve that fills in as settings are tried.

    Nothing is judged while the fold is closed; what was tried is remembered all the same.
    """
    tried = st.session_state.setdefault("samplers_tried", {})
    tried.update(dict.fromkeys(result.prices()))
    fold = st.expander(
        "Who got there, at what cost?",
        icon=":material/leaderboard:",
        key="samplers_judged",
        on_change="rerun",
    )
    if not fold.open:
        return
    with fold:
        st.table(table(result))
        st.markdown(words)
        if st.button("Compute the whole curve", icon=":material/timeline:"):
            bar = st.progress(0.0)
            for share, priced in curve(result.request.roads, cached):
                tried[priced] = None
                bar.progress(share)
            bar.empty()
        compared = prices.table(tried, result)
        st.altair_chart(prices.chart(compared), width="stretch")
        st.download_button(
            "Curve as CSV",
            compared.to_csv(index=False).encode(),
            "gmviz-samplers-curve.csv",
            "text/csv",
            icon=":material/download:",
            on_click="ignore",
        )
