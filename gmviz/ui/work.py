"""Long work on a page: a button, a bar, the place in the queue, Stop; what is reached shows as it comes."""

import secrets
from typing import Any

import streamlit as st

from gmviz.runtime import jobs
from gmviz.runtime.jobs import Job, Snapshot, State

PERIOD = 0.6  # seconds between two looks at work under way
BEAT = 10.0  # seconds between two signs of life from another page
ASKED = "_work_asked"  # where the session keeps the keys of the work that it began


class Work:
    """The work that a request asks for, as this visitor sees it.

    `key` says everything the result depends on; it is the same for all visitors, who share the work. The
    fragment that draws it takes `run_every=Work.pace(name)`, so that it polls only while something goes on.
    """

    def __init__(self, name: str, key: str, function: str, payload: Any) -> None:
        self.name, self.key, self.function, self.payload = name, key, function, payload

    @staticmethod
    def pace(name: str) -> float | None:
        """Seconds between two reruns of the page's fragment: None while nothing goes on."""
        return PERIOD if st.session_state.get(_polling(name)) else None

    @property
    def job(self) -> Job | None:
        """The job of this key, whoever began it."""
        return jobs.find(self.key, _visitor())

    @property
    def now(self) -> Snapshot | None:
        """What is known of it at one moment, None if nobody asked for it; says that we are still here."""
        job = self.job
        if job is None:
            return None
        job.beat()
        return job.now

    def button(self, label: str, there: bool) -> None:
        """The button that begins the work, or stops it while it goes on; dead if the result is there."""
        job = self.job
        if job is not None and job.state.active:
            st.button(
                "Stop", icon=":material/stop:", on_click=job.stop, key=f"{self.name}_stop", width="stretch"
            )
            return
        st.button(
            label,
            icon=":material/play_arrow:",
            type="primary",
            on_click=self._begin,
            key=f"{self.name}_begin",
            disabled=there,
            help="These fits are there already." if there else None,
            width="stretch",
        )

    def bar(self) -> None:
        """How far it is; nothing where nothing goes on."""
        job = self.job
        if job is None or job.state is State.DONE:
            return
        now = job.now
        share = now.progress.done / max(now.progress.total, 1)
        if now.state is State.WAITING:
            st.progress(0.0, f"Waiting, place {job.place} in the queue")
        elif now.state is State.RUNNING:
            st.progress(share, _words(now))
        elif now.state is State.STOPPED:
            done, total = now.progress.done, now.progress.total
            st.caption(f":material/stop_circle: Stopped at step {done} of {total}. What was reached stays.")
        elif now.state is State.FAILED:
            st.error(f"{now.error.rstrip('.')}. What was reached stays.", icon=":material/error:")

    def poll(self) -> None:
        """Start or stop the timer when the work has begun or ended; the last call of the fragment."""
        job = self.job
        active = job is not None and job.state.active
        if active != bool(st.session_state.get(_polling(self.name))):
            st.session_state[_polling(self.name)] = active
            st.rerun()

    def _begin(self) -> None:
        st.session_state.setdefault(ASKED, set()).add(self.key)
        jobs.submit(self.key, self.function, self.payload, _visitor())


def keep_alive() -> None:
    """Let the work that this visitor began go on behind another page; the app draws it on every page."""
    if st.session_state.get(ASKED):
        st.fragment(_beat, run_every=BEAT)()


def _beat() -> None:
    asked = st.session_state[ASKED]
    for key in tuple(asked):
        job = jobs.find(key, _visitor())
        if job is not None and job.state.active:
            job.beat()
        else:
            asked.discard(key)


def _words(now: Snapshot) -> str:
    progress = now.progress
    if not progress.total:
        return "Starting"
    words = [f"step {progress.done} of {progress.total}"]
    if progress.rate is not None:
        words.append(f"{progress.rate:.0f} steps/s")
    if progress.left is not None:
        words.append(f"{progress.left:.0f} s left")
    return ", ".join(words)


def _polling(name: str) -> str:
    return f"{name}_polling"


def _visitor() -> str:
    """A name of this session that nobody else has."""
    return st.session_state.setdefault("_visitor", secrets.token_hex(8))
