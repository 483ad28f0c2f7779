"""Where is the gradient of data?"""

import streamlit as st

from gmviz.experiments import points as experiment
from gmviz.experiments.score_errors import PROBES
from gmviz.figures import points as figure
from gmviz.ui.cache import cached
from gmviz.ui.controls import Controls
from gmviz.ui.details import details
from gmviz.ui.messages import explained, notice
from gmviz.ui.navigation import neighbours, open_page
from gmviz.ui.player import player
from gmviz.ui.scenes import Stage

text = open_page(__file__)
PRESSED = "points_pressed"  # how often the button was


@st.fragment(key="points")
def room() -> None:
    controls = Controls(text.name, experiment.Request, experiment.SCENES)
    stage = Stage(controls, experiment.SCENES)
    notice(controls.refused)
    with st.container(key="controls_points"):
        fields, button = st.columns([3, 1], vertical_alignment="bottom")
    with fields:
        controls.row(("data", "n", "show"))
    alone = controls.value("n") == 1  # nothing is left to leave out
    set_sigma = button.button("Set σ by leave-one-out", width="stretch", disabled=alone)
    picture = st.container()
    questions = st.container()
    with st.expander("More controls", icon=":material/tune:"):
        allowed = experiment.references(controls.value("data"))
        controls.row(("reference", "probes", "normaliser", "seed"), options={"reference": allowed})
    with picture, explained():
        request = controls.request()
        controls.write_link(request, stage.asked(request))
        result = cached(experiment.run, request)
        at, veiled = stage.at(request), stage.veiled(request)
        if set_sigma and result.best_sigma is not None:
            # The player moves only to a place it was not sent to before.
            st.session_state[PRESSED] = st.session_state.get(PRESSED, 0) + 1
            at = result.best_sigma * (1 + 1e-9 * st.session_state[PRESSED])
        player(
            cached(figure.question if veiled else figure.animation, result),
            key="points_player",
            at=at,
            veiled=veiled,
            link=controls.link(request, stage.asked(request)),
        )
    with questions:
        stage.draw(request, result.at)
    details(request, result.table, text.name, hidden=veiled)


room()
text.show("Formula")
text.show("What to notice")
text.show("Method", probes=f"{PROBES}")
neighbours(text.name)
