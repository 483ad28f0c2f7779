"""The queue of long work: its order, its progress, who shares, who stops, and what a crash leaves."""

import os
import signal
import subprocess
import sys
import threading

import pytest
import torch

from gmviz.runtime import jobs, wire, worker
from gmviz.runtime.jobs import Report, Runner, State
from gmviz.runtime.snapshot import Pace, Snapshot
from gmviz.runtime.wire import Ended, Reached

SQUARES = "tests.runtime.work:squares"


@pytest.fixture(scope="module")
def runner():
    """Two workers for the whole file; they import nothing ahead."""
    with_two = Runner(workers=2, preload=())
    with_two.start()
    yield with_two
    with_two.close()


@pytest.fixture(scope="module")
def single():
    """One worker, so that jobs queue."""
    with_one = Runner(workers=1, preload=())
    with_one.start()
    yield with_one
    with_one.close()


@pytest.fixture
def gate(tmp_path):
    """A file that holds jobs back until it exists."""
    path = tmp_path / "gate"
    yield path
    path.touch()


def running(job):
    now = job.wait(lambda now: now.progress.done > 0 or not now.state.active)
    assert now.state is State.RUNNING
    return now


def beating(*jobs):
    """Keep visitors there until the returned event is set."""
    over = threading.Event()

    def beat():
        while not over.wait(0.05):
            for job in jobs:
                job.beat()

    threading.Thread(target=beat, daemon=True).start()
    return over


def test_a_job_returns_what_its_function_returns(runner):
    job = runner.submit("returns", SQUARES, {"n": 5})
    now = job.wait()
    assert (now.state, now.result, now.error) == (State.DONE, [1, 4, 9, 16, 25], "")
    assert (now.progress.done, now.progress.total, now.partial) == (5, 5, [1, 4, 9, 16, 25])
    assert job.place == 0


def test_a_worker_is_an_interpreter_of_its_own_with_one_thread(runner):
    """What a library prints does not disturb it, and tensors come back bit by bit."""
    values = [0.1, 1e-300, -7.0]
    now = runner.submit("surroundings", "tests.runtime.work:surroundings", values).wait()
    assert now.result["threads"] == 1
    assert now.result["pid"] != os.getpid()
    assert now.result["main"].endswith("worker.py")
    assert torch.equal(now.partial, torch.tensor(values, dtype=torch.float64))
    assert torch.equal(now.result["mean"], torch.tensor(values, dtype=torch.float64).mean())


def test_partial_results_arrive_while_it_runs_and_stop_keeps_them(runner, gate):
    job = runner.submit("partial", SQUARES, {"n": 3, "gate": str(gate)})
    assert running(job).partial == [1]
    job.stop()
    now = job.wait()
    assert (now.state, now.partial, now.result) == (State.STOPPED, [1], None)
    again = runner.submit("partial", SQUARES, {"n": 3, "gate": str(gate)})
    gate.touch()
    assert again.wait().result == [1, 4, 9]


def test_a_job_is_found_by_its_key(runner):
    job = runner.submit("found", SQUARES, {"n": 2})
    assert runner.find("found") == job
    assert runner.find("never asked for") is None
    job.wait()
    assert runner.find("found").result == [1, 4]
    assert runner.submit("found", SQUARES, {"n": 2}).state is State.DONE


def test_first_come_first_served(single, gate):
    payload = {"n": 1, "gate": str(gate)}
    jobs = [single.submit(f"queue {k}", SQUARES, payload) for k in range(4)]
    running(jobs[0])
    assert [job.place for job in jobs] == [0, 1, 2, 3]
    assert [job.state for job in jobs] == [State.RUNNING, State.WAITING, State.WAITING, State.WAITING]
    jobs[1].stop()
    assert jobs[1].state is State.STOPPED
    assert [job.place for job in jobs] == [0, 0, 1, 2]
    gate.touch()
    assert [job.wait().state for job in jobs] == [State.DONE, State.STOPPED, State.DONE, State.DONE]


def test_two_visitors_share_one_job_until_both_have_left(runner, gate):
    payload = {"n": 2, "gate": str(gate)}
    first = runner.submit("shared", SQUARES, payload, "first")
    second = runner.submit("shared", SQUARES, payload, "second")
    running(first)
    assert sum(work.key == "shared" for work in runner._running) == 1
    first.stop()
    assert (first.state, first.partial) == (State.STOPPED, [1])
    first.beat()
    assert second.state is State.RUNNING
    gate.touch()
    assert second.wait().result == [1, 4]
    assert (first.state, first.result) == (State.STOPPED, None)
    assert runner.submit("shared", SQUARES, payload, "first").result == [1, 4]


def test_it_stops_when_the_last_visitor_leaves(runner, gate):
    payload = {"n": 2, "gate": str(gate)}
    first, second = (runner.submit("left", SQUARES, payload, who) for who in ("first", "second"))
    running(first)
    first.stop()
    second.stop()
    assert second.wait().state is State.STOPPED
    assert not any(work.key == "left" for work in runner._running)


def test_a_job_stops_when_its_visitors_are_gone(single, gate, monkeypatch):
    monkeypatch.setattr(single, "patience", 1.0)
    payload = {"n": 2, "gate": str(gate)}
    kept, gone = single.submit("kept", SQUARES, payload), single.submit("gone", SQUARES, payload)
    over = beating(kept)
    assert gone.wait().state is State.STOPPED
    assert kept.state is State.RUNNING
    over.set()
    assert kept.wait().state is State.STOPPED
    assert kept.partial == [1]


def test_a_killed_worker_is_a_failed_job_and_is_started_anew(single, gate):
    payload = {"n": 2, "gate": str(gate)}
    job = single.submit("killed", SQUARES, payload)
    running(job)
    os.kill(single._running[0].process.pid, signal.SIGKILL)
    now = job.wait()
    assert (now.state, now.partial) == (State.FAILED, [1])
    assert now.error == "The worker process was killed (signal 9) at step 1 of 2. Start it again."
    gate.touch()
    assert single.submit("killed", SQUARES, payload).wait().result == [1, 4]


def test_a_worker_killed_between_two_jobs_fails_none(single):
    assert single.submit("before", SQUARES, {"n": 1}).wait().result == [1]
    process = single._hands[0].ready()
    os.kill(process.pid, signal.SIGKILL)
    assert single.submit("after", SQUARES, {"n": 1}).wait().result == [1]


def test_a_job_that_does_not_listen_is_ended_with_its_process(single, monkeypatch):
    monkeypatch.setattr(single, "grace", 0.3)
    job = single.submit("deaf", "tests.runtime.work:deaf", None)
    running(job)
    job.stop()
    assert job.wait().state is State.STOPPED
    assert job.partial == "one step"


def test_a_refused_value_is_told_to_the_visitor(runner):
    now = runner.submit("refuses", "tests.runtime.work:refuses", None).wait()
    assert (now.state, now.error) == (State.FAILED, "sigma must be positive, got -1")
    assert now.partial == "one step"


def test_a_mistake_in_the_code_ends_the_worker_and_fails_the_job(runner):
    now = runner.submit("mistaken", "tests.runtime.work:mistaken", None).wait()
    assert (now.state, now.partial) == (State.FAILED, "one step")
    assert "ended with exit code 1 at step 1 of 2" in now.error
    assert runner.submit("after the mistake", SQUARES, {"n": 1}).wait().result == [1]


def test_no_worker_that_starts_is_a_failed_job(monkeypatch):
    monkeypatch.setattr("gmviz.runtime.process.COMMAND", (sys.executable, "-c", "raise SystemExit(3)"))
    broken = Runner(workers=1)
    assert "No worker process starts" in broken.submit("broken", SQUARES, {"n": 1}).wait().error
    broken.close()


def test_no_program_to_start_is_a_failed_job(monkeypatch):
    monkeypatch.setattr("gmviz.runtime.process.COMMAND", ("/no/such/program",))
    broken = Runner(workers=1)
    assert broken.submit("broken", SQUARES, {"n": 1}).wait().state is State.FAILED
    broken.close()


def test_only_plain_data_is_accepted(runner):
    with pytest.raises(TypeError, match="not JSON serializable"):
        runner.submit("tensor", SQUARES, torch.zeros(1))
    assert runner.submit("one key", SQUARES, {"n": 1}).wait().state is State.DONE
    with pytest.raises(ValueError, match="key must be a name of one function with one payload"):
        runner.submit("one key", SQUARES, {"n": 2})


def test_many_threads_one_job(runner):
    jobs = []
    ask = [
        threading.Thread(target=lambda k=k: jobs.append(runner.submit("many", SQUARES, {"n": 50}, str(k))))
        for k in range(20)
    ]
    for thread in ask:
        thread.start()
    for thread in ask:
        thread.join()
    assert len({id(job._work) for job in jobs}) == 1
    assert {tuple(job.wait().result) for job in jobs} == {tuple(k * k for k in range(1, 51))}


def test_finished_jobs_are_forgotten_oldest_first(runner, monkeypatch):
    monkeypatch.setattr("gmviz.runtime.runner.KEPT", 2)
    for k in range(4):
        runner.submit(f"forget {k}", SQUARES, {"n": 1}).wait()
    assert runner.find("forget 0") is None
    assert runner.find("forget 3").result == [1]


def test_closing_stops_what_runs(gate):
    closing = Runner(workers=1, preload=())
    job = closing.submit("closing", SQUARES, {"n": 1, "gate": str(gate)})
    running(job)
    process = job._work.process
    closing.close()
    assert job.wait().state is State.STOPPED
    assert not process.alive
    with pytest.raises(ValueError, match="runner must be open"):
        closing.submit("late", SQUARES, {"n": 1})


def test_a_worker_ends_with_its_parent(gate):
    """Its pipe closes, and it does not wait for the job to listen."""
    command = [sys.executable, "-m", "gmviz.runtime.worker"]
    alone = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    alone.stdin.write(wire.work_order(1, wire.task("tests.runtime.work:deaf", None)))
    alone.stdin.flush()
    while not isinstance(wire.read_answer(alone.stdout), Reached):
        pass
    alone.stdin.close()
    assert alone.wait(timeout=60) == 0
    alone.stdout.close()


def test_speed_and_time_left_are_those_of_the_last_reports():
    pace, now = Pace(), Snapshot()
    now = pace.after(now, Reached(Report(0, 100), 1.0))
    assert (now.progress.rate, now.progress.left) == (None, None)
    now = pace.after(now, Reached(Report(20, 100), 3.0))
    assert (now.progress.rate, now.progress.left) == (10.0, 8.0)
    for k in range(20):
        now = pace.after(now, Reached(Report(30 + k, 100), 4.0 + k))
    assert (now.progress.rate, now.progress.left, now.progress.seconds) == (1.0, 51.0, 23.0)


def test_a_report_without_a_partial_leaves_the_last_one():
    pace = Pace()
    now = pace.after(Snapshot(), Reached(Report(1, 3, "one"), 1.0))
    assert pace.after(now, Reached(Report(2, 3), 2.0)).partial == "one"


def test_reports_are_held_back_but_never_lost(monkeypatch):
    monkeypatch.setattr(worker, "PERIOD", 1000.0)
    sent = []
    outbox = worker.Outbox(sent.append)
    for k in range(1, 1000):
        outbox.put(Report(k, 1000, k if k == 500 else None))
    outbox.flush()
    assert [(each.report.done, each.report.partial) for each in sent] == [(1, None), (999, 500)]


def test_a_stopped_generator_is_closed():
    closed = []

    def steps():
        try:
            yield Report(1, 2, "one")
        finally:
            closed.append(True)

    worker_resolve, worker.resolve = worker.resolve, lambda name: lambda payload: steps()
    try:
        heard, calls = [], iter([False, True])
        ended = worker.perform(
            {"function": "", "payload": None}, lambda: next(calls), worker.Outbox(heard.append)
        )
    finally:
        worker.resolve = worker_resolve
    assert ended == Ended(State.STOPPED)
    assert closed == [True]
    assert heard[-1].report.partial == "one"


def test_a_report_counts_within_its_total():
    with pytest.raises(ValueError, match="done must be from 0 to 3, got 4"):
        Report(4, 3)


def test_a_cut_frame_is_the_end(tmp_path):
    path = tmp_path / "frames"
    with path.open("wb") as stream:
        wire.write_answer(stream, Ended(State.DONE, result=7))
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with path.open("rb") as stream:
            assert wire.read_answer(stream) is None
    path.write_bytes(whole)
    with path.open("rb") as stream:
        assert wire.read_answer(stream) == Ended(State.DONE, result=7)
        assert wire.read_answer(stream) is None


def test_the_shared_runner_has_the_fitting_loaded(monkeypatch):
    monkeypatch.setattr(jobs, "SHARED", Runner(workers=1))
    jobs.start()
    assert jobs.find("loaded") is None
    job = jobs.submit("loaded", "tests.runtime.work:loaded", ["torch", "gmviz.fitting"])
    assert job.wait().result == [True, True]
    assert jobs.find("loaded") == job
    jobs.SHARED.close()
