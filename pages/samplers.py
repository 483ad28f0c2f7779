"""One score, many roads: samplers side by side."""

import streamlit as st

from gmviz.experiments import samplers as experiment
from gmviz.experiments.roads import BLUR
from gmviz.figures import samplers as figure
from gmviz.ui.cache import cached
from gmviz.ui.controls import Controls
from gmviz.ui.details import details
from gmviz.ui.messages import explained, notice
from gmviz.ui.navigation import neighbours, open_page
from gmviz.ui.player import player
from gmviz.ui.scenes import Stage
from gmviz.ui.verdicts import verdicts

text = open_page(__file__)


@st.fragment(key="samplers")
def room() -> None:
    controls = Controls(text.name, experiment.Request, experiment.SCENES)
    stage = Stage(controls, experiment.SCENES)
    notice(controls.refused)
    picked = [controls.value(panel) for panel in experiment.PANELS]
    offered = experiment.offered(controls.value("offered"), picked)
    controls.row(("data", "start", "score", "evaluations"))
    controls.row(experiment.PANELS, options=dict.fromkeys(experiment.PANELS, offered))
    picture = st.container()
    questions = st.container()
    with st.expander("More controls", icon=":material/tune:"):
        for fields in experiment.folded(picked, controls.value("start"), controls.value("score")):
            controls.row(fields)
    with picture, explained():
        request = controls.request()
        controls.write_link(request, stage.asked(request))
        result = experiment.run(request, cached)
        for sentence in result.faults():
            st.warning(sentence, icon=":material/warning:")
        player(
            cached(figure.animation, result),
            key="samplers_player",
            at=stage.at(request),
            veiled=stage.veiled(request),
            link=controls.link(request, stage.asked(request)),
        )
    with questions:
        stage.draw(request, result.at)
    verdicts(result, text.sections["Judged"])
    details(request, result.table, text.name, hidden=stage.veiled(request))


room()
text.show("Formula")
text.show("What to notice")
text.show("Method", blur=f"{BLUR:g}")
neighbours(text.name)
