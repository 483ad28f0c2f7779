"""What does noise do to both?"""

import streamlit as st

from gmviz.experiments import noise as experiment
from gmviz.figures import noise as figure
from gmviz.ui.cache import cached
from gmviz.ui.controls import Controls
from gmviz.ui.details import details
from gmviz.ui.messages import explained, notice
from gmviz.ui.navigation import neighbours, open_page
from gmviz.ui.player import player
from gmviz.ui.scenes import Stage

text = open_page(__file__)


@st.fragment(key="noise")
def room() -> None:
    controls = Controls(text.name, experiment.Request, experiment.SCENES)
    stage = Stage(controls, experiment.SCENES)
    notice(controls.refused)
    controls.row(("pair", "process", "weighting"))
    picture = st.container()
    questions = st.container()
    with st.expander("More controls", icon=":material/tune:"):
        controls.row(experiment.acting(controls.value("process")))
    with picture, explained():
        request = controls.request()
        controls.write_link(request, stage.asked(request))
        result = cached(experiment.run, request)
        player(
            cached(figure.animation, result),
            key="noise_player",
            at=stage.at(request),
            veiled=stage.veiled(request),
            link=controls.link(request, stage.asked(request)),
        )
    with questions:
        stage.draw(request, result.at)
    text.show("What each weight looks at", **figure.words(result))
    details(request, result.table, text.name, hidden=stage.veiled(request))


room()
text.show("Formula")
text.show("What to notice")
text.show("Method")
neighbours(text.name)
