"""What does each divergence see?"""

import streamlit as st

from gmviz.experiments import divergences as experiment
from gmviz.figures import divergences as figure
from gmviz.ui.cache import cached
from gmviz.ui.controls import Controls
from gmviz.ui.details import details
from gmviz.ui.messages import explained, notice
from gmviz.ui.navigation import neighbours, open_page
from gmviz.ui.player import player
from gmviz.ui.scenes import Stage

text = open_page(__file__)
VISIBLE = ("pair", "moves", "weight_p", "weight_q", "width")
FOLDED = ("view", "separation", "rotation", "noise", "offset")


@st.fragment(key="divergences")
def room() -> None:
    controls = Controls(text.name, experiment.Request, experiment.SCENES, {"pair": experiment.starts})
    stage = Stage(controls, experiment.SCENES)
    notice(controls.refused)
    pair, moves = controls.value("pair"), controls.value("moves")
    acting = experiment.acting(pair, moves)
    controls.row(
        [field for field in VISIBLE if field in acting],
        options={"moves": experiment.moves_of(pair)},
    )
    picture = st.container()
    questions = st.container()
    with st.expander("More controls", icon=":material/tune:"):
        controls.row([field for field in FOLDED if field in acting])
        controls.row(experiment.SHIFTS[:4])
        controls.row(experiment.SHIFTS[4:])
    with picture, explained():
        request = controls.request()
        controls.write_link(request, stage.asked(request))
        draw = figure.maps if request.view is experiment.MAPS else figure.gradients
        if controls.dragged is None:
            result = cached(experiment.run, request)
            st.session_state["divergences_window"] = result.window
            animation = cached(draw, result)
        else:
            result = experiment.draft(request, controls.dragged, st.session_state["divergences_window"])
            animation = draw(result)
        player(
            animation,
            key="divergences_player",
            at=stage.at(request),
            veiled=stage.veiled(request),
            link=controls.link(request, stage.asked(request)),
            on_moved=lambda moved: controls.follow(moved, experiment.dragged(request, moved.at, moved)),
        )
    with questions:
        stage.draw(request, result.at)
    details(request, result.table, text.name, hidden=stage.veiled(request))


room()
text.show("Formula")
text.show("What to notice")
text.show("Method")
neighbours(text.name)
