"""One score, many roads: samplers side by side."""

import streamlit as st

from gmviz.experiments import codec, learned, picker
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
from gmviz.ui.work import Work

text = open_page(__file__)


def room() -> None:
    controls = Controls(text.name, experiment.Request, experiment.SCENES)
    stage = Stage(controls, experiment.SCENES)
    notice(controls.refused)
    picked = [controls.value(panel) for panel in experiment.PANELS]
    offered = picker.offered(controls.value("offered"), picked)
    controls.row(("data", "start", "score", "evaluations"))
    controls.row(experiment.PANELS, options=dict.fromkeys(experiment.PANELS, offered))
    picture = st.container()
    questions = st.container()
    with st.expander("More controls", icon=":material/tune:"):
        for fields in picker.folded(picked, controls.value("start"), controls.value("score")):
            controls.row(fields)
    with picture, explained():
        request = controls.request()
        controls.write_link(request, stage.asked(request))
        work = taught(request)
        result = experiment.run(experiment.possible(request), cached)
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
    if work is not None:
        work.poll()


def taught(request: experiment.Request) -> Work | None:
    """The fit of the score's network, if it is learned; a button begins it where it is not there yet."""
    lesson = request.lesson
    if lesson is None:
        return None
    key = codec.key(learned.fit, lesson)
    work, there = Work(text.name, key, learned.JOB, codec.encode(lesson)), learned.ready(lesson)
    words, button = st.columns([4, 1], vertical_alignment="center")
    words.markdown(learned.words(lesson) if there else text.sections["Not learned yet"])
    with button:
        work.button("Fit", there=there)
    work.bar()
    return work


st.fragment(room, key="samplers", run_every=Work.pace(text.name))()
text.show("Formula")
text.show("What to notice")
text.show("Method", blur=f"{BLUR:g}")
neighbours(text.name)
