"""Two ways to compare distributions."""

import streamlit as st

from gmviz.experiments import home as experiment
from gmviz.figures import home as figure
from gmviz.ui.cache import cached
from gmviz.ui.navigation import cards, open_page
from gmviz.ui.player import player


def numbers() -> dict[str, str]:
    return experiment.numbers(cached(experiment.run, experiment.Request()))


text = open_page(__file__, numbers)
result = cached(experiment.run, experiment.Request())
player(cached(figure.animation, result), key="home_player", at=experiment.AT)
st.page_link("pages/divergences.py", label="Move it yourself", icon=":material/play_circle:")
text.show("What you see", **numbers())
cards()
