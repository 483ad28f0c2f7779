"""Which loss finds the gradient?"""

import streamlit as st

from gmviz.experiments import estimators
from gmviz.experiments import objectives as experiment
from gmviz.figures import estimators as noise_figure
from gmviz.figures import objectives as figure
from gmviz.ui.cache import cached
from gmviz.ui.controls import Controls
from gmviz.ui.details import details
from gmviz.ui.messages import explained, notice
from gmviz.ui.navigation import neighbours, open_page
from gmviz.ui.player import player
from gmviz.ui.scenes import Stage
from gmviz.ui.work import Work

text = open_page(__file__)


def room() -> None:
    controls = Controls(text.name, experiment.Request, experiment.SCENES)
    stage = Stage(controls, experiment.SCENES)
    notice(controls.refused)
    view = controls.value("view")
    setting = experiment.Setting(**{field: controls.value(field) for field in experiment.SHARED})
    allowed, reasons = experiment.offered(setting)
    options = dict.fromkeys(experiment.SLOTS, (experiment.NONE, *allowed)) | {"first": allowed}
    with st.container(key="controls_objectives", gap=None):
        fields, button = st.columns([4, 1], vertical_alignment="bottom")
        with fields:
            controls.row(experiment.acting(view))
        controls.row(experiment.SLOTS, options=options)
        if reasons:
            st.caption("Not offered here: " + "; ".join(reasons) + ".")
    picture = st.container()
    questions = st.container()
    with st.expander("More controls", icon=":material/tune:"):
        for row in experiment.folded(view):
            controls.row(row)
    with picture, explained():
        request = controls.request()
        controls.write_link(request, stage.scene)
        work = Work(text.name, experiment.key(request), experiment.JOB, request.payload)
        fitted, whole, words = fits(request, work)
        with button:
            work.button("Fit", there=whole)
        work.bar()
        if request.view is experiment.NOISE:
            result = cached(estimators.run, request.noise)
            animation = noise_figure.animation(result, fitted)
            at = stage.at(request)
        else:
            result = fitted
            animation = cached(figure.animation, fitted) if whole else figure.animation(fitted)
            at = stage.at(request) or float(fitted.steps[-1])
        player(
            animation,
            key="objectives_player",
            at=at,
            veiled=stage.veiled(request),
            link=controls.link(request, stage.scene),
        )
        st.caption(words)
    with questions:
        stage.draw(request, result.at)
    st.table(figure.costs(fitted))
    details(request, result.table, text.name)
    work.poll()


def fits(request: experiment.Request, work: Work) -> tuple[experiment.Fitted, bool, str]:
    """What is there of the fits, whether that is all, and where it comes from."""
    now = work.now
    if now is not None and (courses := now.result or now.partial):
        return experiment.Fitted.of(request, courses), now.result is not None, "Fitted just now."
    if found := experiment.from_store(request):
        return found[0], True, "From the store, made with the package." if found[1] else "From the store."
    return cached(experiment.untouched, request), False, "Not trained yet: press Fit."


st.fragment(room, key="objectives", run_every=Work.pace(text.name))()
text.show("Formula")
text.show("What to notice")
text.show("Method")
neighbours(text.name)
