"""Every page under AppTest: defaults, extremes of every control, bad links; and what a page reads out."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted((ROOT / "pages").glob("*.py"))


def opened(name, **query):
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    app.run()
    app.switch_page(f"pages/{name}.py")
    for field, text in query.items():
        app.query_params[field] = text
    app.run()
    assert not app.exception, app.exception
    return app


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_opens_with_its_question_and_a_picture(path):
    app = opened(path.stem)
    assert app.title[0].value.startswith(
        path.with_suffix(".md").read_text(encoding="utf-8")[2:].split("\n")[0]
    )
    assert len(app.get("bidi_component")) == 1
    assert not app.error
    assert not app.warning


@pytest.mark.parametrize("end", ["min", "max"])
@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_all_controls_at_one_end_make_a_picture(path, end):
    app = opened(path.stem)
    for slider in app.slider:
        slider.set_value(getattr(slider, end))
    app.run()
    assert not app.exception, app.exception
    assert not app.error, [error.value for error in app.error]
    assert len(app.get("bidi_component")) == 1


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_every_choice_ends_in_a_picture(path):
    app = opened(path.stem)
    for box in list(app.selectbox):
        for option in box.options:
            app = opened(path.stem)
            app.selectbox(key=box.key).select(option).run()
            assert not app.exception, (box.key, option, app.exception)
            assert app.get("bidi_component"), (box.key, option)


def test_a_link_to_a_pair_shows_the_pair_as_it_is_named():
    app = opened("divergences", pair="blobs")
    assert app.slider(key="divergences_weight_p").value == 0.5
    assert app.slider(key="divergences_weight_q").value == 0.6
    app = opened("divergences", pair="blobs", weight_p="0.7")
    assert app.slider(key="divergences_weight_p").value == 0.7


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"width": "99"}, "width must be a number from 0.4 to 2.5, got '99'"),
        ({"width": "nan"}, "width must be a number"),
        ({"pair": "cats"}, "pair must be one of far, comb, blobs, cigar, got 'cats'"),
        ({"pair": "comb", "moves": "weight_q"}, "moves must be one of"),
        ({"scene": "nowhere"}, "scene must be one of far, comb, missed, hallucinated, got 'nowhere'"),
        ({"at": "soon"}, "at must be a number"),
        ({"breadth": "1"}, "breadth is no setting of this page"),
    ],
)
def test_what_a_link_cannot_have_is_named_and_a_picture_is_there(query, words):
    app = opened("divergences", **query)
    assert words in app.warning[0].value
    assert len(app.get("bidi_component")) == 1


def test_a_scene_hides_its_numbers_until_it_is_answered():
    app = opened("divergences", scene="far")
    assert [button.label for button in app.button][:3] == ["0.8", "0.1", "under 0.001"]
    assert not app.expander[-1].label.startswith("Details")
    app.button(key="divergences_option_2").click().run()
    assert "0.8317 nats" in app.markdown[1].value or any("0.8317 nats" in each.value for each in app.markdown)
    assert app.expander[-1].label.startswith("Details")
    app.button(key="divergences_reset").click().run()
    assert not any("0.8317 nats" in each.value for each in app.markdown)
