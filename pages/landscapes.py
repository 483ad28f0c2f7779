"""Where does minimising each lead?"""

import streamlit as st

from gmviz.experiments import landscapes as experiment
from gmviz.experiments.lowest_points import fits
from gmviz.figures import landscapes as figure
from gmviz.ui.cache import cached
from gmviz.ui.controls import Controls
from gmviz.ui.details import details
from gmviz.ui.messages import explained, notice
from gmviz.ui.navigation import neighbours, open_page
from gmviz.ui.player import player
from gmviz.ui.scenes import Stage

text = open_page(__file__)


@st.fragment(key="landscapes")
def room() -> None:
    controls = Controls(text.name, experiment.Request, experiment.SCENES, {"family": experiment.starts})
    stage = Stage(controls, experiment.SCENES)
    notice(controls.refused)
    family = controls.value("family")
    controls.row(
        ("family", "left", "right", "moves"),
        options={"moves": experiment.sweeps_of(family)},
    )
    picture, questions = st.container(), st.container()
    with st.expander("More controls", icon=":material/tune:"):
        controls.row(("method", "evaluations", "start_x", "start_y"))
        controls.row(experiment.acting(controls.value("family"), controls.value("moves")))
    with picture, explained():
        request = controls.request()
        controls.write_link(request, stage.asked(request))
        result = cached(experiment.run, request)
        player(
            cached(figure.animation, result),
            key="landscapes_player",
            at=stage.at(request),
            veiled=stage.veiled(request),
            link=controls.link(request, stage.asked(request)),
            on_moved=lambda moved: controls.follow(moved, experiment.dragged(moved, result.family)),
        )
    with questions:
        stage.draw(request, result.at)
    if st.toggle("All six divergences: lowest points and curvatures", key="landscapes_all"):
        st.dataframe(figure.rows(cached(fits, request), result), hide_index=True, width="stretch")
    if st.toggle("Both landscapes as surfaces to turn", key="landscapes_surfaces"):
        from gmviz.figures.surfaces import surfaces  # 5 MB that only this picture needs

        st.plotly_chart(surfaces(result, 0), width="stretch", key="landscapes_3d")
    details(request, result.table, text.name, hidden=stage.veiled(request))


room()
text.show("Formula")
text.show("What to notice")
text.show("Method")
neighbours(text.name)
