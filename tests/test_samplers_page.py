"""The page of the samplers under AppTest: a slider over few numbers, refused links, faults, a fit offered."""

import pytest

from tests.test_pages import opened


def picture(app):
    assert not app.exception, app.exception
    return len(app.get("bidi_component")) == 1


def test_the_evaluations_are_a_slider_over_the_offered_numbers():
    app = opened("samplers")
    (slider,) = app.select_slider
    assert slider.options == ["10", "20", "50", "100", "200", "500", "1000", "2000", "5000"]
    slider.set_value(20).run()
    assert picture(app)
    assert app.query_params["evaluations"] == "20"


def test_a_link_that_asks_for_another_number_is_told_what_there_is():
    app = opened("samplers", evaluations="77", eta="0.5")
    assert "evaluations must be one of 10, 20, 50" in app.warning[0].value
    assert picture(app)


def test_a_diverging_chain_keeps_its_frames_and_names_a_remedy():
    app = opened("samplers", step="3.0", start="shifted")
    assert picture(app)
    assert "the step is too large" in app.warning[0].value
    assert "the slider at 1.5" in app.warning[0].value


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"clock": "noise"}, "clock must be the share of evaluations"),
        ({"n": "5000", "evaluations": "5000"}, "n must be at most 2000"),
    ],
)
def test_what_does_not_go_together_is_said(query, words):
    app = opened("samplers", **query)
    assert words in app.warning[0].value
    assert picture(app)


def test_a_metropolis_test_without_a_density_is_refused_in_words():
    app = opened("samplers", first="mala", score="learned")
    assert "log-density" in app.error[0].value


def test_a_network_that_is_not_there_offers_its_fit(tmp_path, monkeypatch):
    monkeypatch.setenv("GMVIZ_STORE", str(tmp_path))
    app = opened("samplers", score="learned", data="ring")
    assert picture(app)
    assert app.button(key="samplers_begin").disabled is False
    there = opened("samplers", score="learned")
    assert there.button(key="samplers_begin").disabled
