"""Long work on a page: begun, seen, stopped, kept alive from elsewhere."""

import pytest
from streamlit.testing.v1 import AppTest

from gmviz.runtime import jobs
from gmviz.runtime.jobs import Runner, State
from gmviz.ui import work

SQUARES = "tests.runtime.work:squares"


@pytest.fixture
def runner(monkeypatch):
    """One worker, and little patience with visitors who are gone."""
    one = Runner(workers=1, patience=30.0, preload=())
    monkeypatch.setattr(jobs, "SHARED", one)
    yield one
    one.close()


def page(key, payload):
    import streamlit as st

    from gmviz.ui.work import Work, keep_alive

    def room():
        task = Work("room", key, "tests.runtime.work:squares", payload)
        now = task.now
        task.button("Go", there=now is not None and now.result is not None)
        task.bar()
        if now is not None and (reached := now.result or now.partial):
            st.text(f"reached {len(reached)}")
        task.poll()

    st.fragment(room, run_every=Work.pace("room"))()
    keep_alive()


def opened(key, payload):
    app = AppTest.from_function(page, args=(key, payload), default_timeout=30)
    return app.run()


def test_it_begins_is_seen_and_stops(runner, tmp_path):
    gate = tmp_path / "gate"
    app = opened("held", {"n": 5, "gate": str(gate)})
    assert [button.label for button in app.button] == ["Go"]
    app.button[0].click().run()
    assert not app.exception
    job = runner.find("held")
    job.wait(lambda now: now.progress.done > 0)
    app.run()
    assert [button.label for button in app.button] == ["Stop"]
    assert app.session_state["room_polling"]
    assert app.text[0].value == "reached 1"
    app.button[0].click().run()
    job.wait()
    app.run()
    assert "Stopped at step 1 of 5. What was reached stays." in app.caption[0].value
    assert app.text[0].value == "reached 1"
    assert [button.label for button in app.button] == ["Go"]
    assert not app.session_state["room_polling"]
    gate.touch()


def test_a_result_closes_the_button(runner):
    app = opened("free", {"n": 3})
    app.button[0].click().run()
    assert runner.find("free").wait().state is State.DONE
    app.run()
    assert app.text[0].value == "reached 3"
    assert app.button[0].disabled
    assert not app.session_state[work.ASKED], "nothing is left to keep alive"


def test_a_failure_is_a_sentence(runner, monkeypatch):
    job = runner.submit("broken", "tests.runtime.work:refuses", None)
    job.wait()
    monkeypatch.setattr(runner, "submit", None)
    app = opened("broken", {"n": 3})
    assert app.error[0].value == "sigma must be positive, got -1. What was reached stays."
    assert app.button[0].label == "Go"


def test_the_place_in_the_queue(runner, tmp_path):
    gate = tmp_path / "gate"
    runner.submit("first", SQUARES, {"n": 2, "gate": str(gate)})
    app = opened("second", {"n": 2})
    app.button[0].click().run()
    app.run()
    assert runner.find("second").place == 1
    assert app.button[0].label == "Stop"
    gate.touch()
    assert runner.find("second").wait().state is State.DONE


def test_work_is_kept_alive_from_another_page(runner, tmp_path):
    """The page of the work is gone, and its job does not stop: another page beats for it."""
    runner.patience = 1.0
    gate = tmp_path / "gate"
    app = opened("behind", {"n": 2, "gate": str(gate)})
    app.button[0].click().run()
    job = runner.find("behind")
    job.wait(lambda now: now.progress.done > 0)

    elsewhere = AppTest.from_function(_elsewhere)
    for name in (work.ASKED, "_visitor"):
        elsewhere.session_state[name] = app.session_state[name]
    for _ in range(12):
        elsewhere.run()
        assert job.wait(lambda now: not now.state.active, timeout=0.2).state is State.RUNNING
    assert job.wait(timeout=5.0).state is State.STOPPED, "nobody looks any more"
    gate.touch()


def _elsewhere():
    from gmviz.ui.work import keep_alive

    keep_alive()
