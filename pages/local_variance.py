"""Why is Fisher a variance?"""

import streamlit as st

from gmviz.experiments import local_variance as experiment
from gmviz.figures import local_variance as figure
from gmviz.ui.cache import cached
from gmviz.ui.controls import Controls
from gmviz.ui.details import details
from gmviz.ui.messages import explained, notice
from gmviz.ui.navigation import neighbours, open_page
from gmviz.ui.player import player
from gmviz.ui.scenes import Stage

text = open_page(__file__)


@st.fragment(key="local_variance")
def room() -> None:
    controls = Controls(text.name, experiment.Request, experiment.SCENES)
    stage = Stage(controls, experiment.SCENES)
    notice(controls.refused)
    controls.row(experiment.acting(controls.value("view")))
    with explained():
        request = controls.request()
        controls.write_link(request, stage.asked(request))
        if controls.dragged is None:
            result = cached(experiment.run, request)
            animation = cached(figure.animation, result)
        else:
            result = experiment.draft(request)
            animation = figure.animation(result)
        player(
            animation,
            key="local_variance_player",
            at=stage.at(request),
            veiled=stage.veiled(request),
            link=controls.link(request, stage.asked(request)),
            on_moved=lambda moved: controls.follow(moved, experiment.dragged(moved)),
        )
    stage.draw(request, result.at)
    details(request, result.table, text.name, hidden=stage.veiled(request))


room()
text.show("Formula")
text.show("What to notice")
text.show("Method", step=f"{experiment.FINE:g}", coarse=f"{2 * experiment.FINE:g}")
neighbours(text.name)
