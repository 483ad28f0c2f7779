"""Which loss finds the gradient?"""

import streamlit as st

from gmviz.experiments import objectives as experiment
from gmviz.experiments.objective_scenes import SCENES
from gmviz.figures import objectives as figure
from gmviz.ui.cache import cached
from gmviz.ui.controls import Controls
from gmviz.ui.details import details
from gmviz.ui.fits import fits
from gmviz.ui.messages import explained, notice
from gmviz.ui.navigation import neighbours, open_page
from gmviz.ui.player import player
from gmviz.ui.scenes import Stage
from gmviz.ui.work import Work

text = open_page(__file__)


def room() -> None:
    controls = Controls(text.name, experiment.Request, SCENES)
    stage = Stage(controls, SCENES)
    notice(controls.refused)
    view = controls.value("view")
    allowed, reasons = experiment.offered({field: controls.value(field) for field in experiment.SHARED})
    with st.container(key="controls_objectives", gap=None):
        fields, button = st.columns([4, 1], vertical_alignment="bottom")
        with fields:
            controls.row(experiment.acting(view))
        if view is experiment.FIT:
            controls.row(experiment.SLOTS, options=allowed)
            if reasons:
                st.caption("Not offered here: " + "; ".join(reasons) + ".")
    picture = st.container()
    questions = st.container()
    rows = experiment.folded(view)
    with st.expander("More controls", icon=":material/tune:") if rows else st.container():
        for row in rows:
            controls.row(row, options=allowed)
    with picture, explained():
        request = controls.request()
        controls.write_link(request, stage.asked(request))
        work = Work(text.name, experiment.key(request), experiment.JOB, request.payload)
        courses, whole, origin = fits(request, work)
        if request.trainings:
            with button:
                work.button("Fit", there=whole)
            work.bar()
        result = experiment.seen(request, courses, cached)
        newest = result.newest if view in (experiment.FIT, experiment.WEIGHTS) else None
        player(
            figure.animation(request, result),
            key="objectives_player",
            at=stage.at(request) if whole and stage.at(request) else newest,
            veiled=stage.veiled(request),
            link=controls.link(request, stage.asked(request)),
            on_moved=lambda moved: controls.follow(moved, experiment.dragged(moved)),
        )
        if request.trainings:
            st.caption(origin)
        if newest is not None and not stage.veiled(request):
            for fault in result.faults:
                st.warning(fault, icon=":material/warning:")
    with questions:
        stage.draw(request, result.at)
    if request.trainings and not stage.veiled(request):
        st.table(figure.costs(result.learned))
    details(request, result.table, text.name, hidden=stage.veiled(request))
    work.poll()


st.fragment(room, key="objectives", run_every=Work.pace(text.name))()
text.show("Formula", losses=figure.losses())
text.show("What to notice")
plain = experiment.Request()
text.show("Method", width=f"{plain.width}", depth=f"{plain.depth}", frequencies=f"{plain.frequencies}")
neighbours(text.name)
