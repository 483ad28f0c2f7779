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
