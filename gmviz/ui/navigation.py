"""The rooms of the house, their order, and the way into each one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from gmviz import __version__
from gmviz.ui.lessons import Lesson, filled, lesson

STYLE = Path(__file__).with_name("style.css")
PAGES = Path(__file__).resolve().parents[2] / "pages"


@dataclass(frozen=True)
class Room:
    """A page: the name of its file, its label and icon in the menu, and its section."""

    name: str
    label: str
    icon: str
    section: str

    @property
    def file(self) -> str:
        """The page's file, as the navigation and `switch_page` want it."""
        return f"pages/{self.name}.py"


ROOMS = tuple(
    room
    for room in (
        Room("home", "Home", ":material/home:", ""),
        Room("divergences", "What each one sees", ":material/compare:", "Compare"),
        Room("noise", "What noise changes", ":material/blur_on:", "Compare"),
        Room("landscapes", "Where each one leads", ":material/landscape:", "Compare"),
        Room("points", "From points to a gradient", ":material/scatter_plot:", "Learn"),
        Room("objectives", "Ways to learn it", ":material/target:", "Learn"),
        Room("samplers", "From gradient to samples", ":material/route:", "Generate"),
        Room("flow", "How likely is a point?", ":material/water:", "Generate"),
        Room("conditions", "Asking for something", ":material/tune:", "Generate"),
        Room("local_variance", "Fisher as a variance", ":material/vibration:", "Deeper"),
        Room("adjoint", "Through an ODE", ":material/undo:", "Deeper"),
        Room("together", "Both in one model", ":material/merge:", "Deeper"),
        Room("evidence", "How do we know?", ":material/fact_check:", "Check"),
    )
    if (PAGES / f"{room.name}.py").exists()
)


def run_page(device: str) -> None:
    """Draw the menu, run the page that the visitor asked for, and say on what `device` it was computed."""
    sections: dict[str, list[st.Page]] = {}
    for room in ROOMS:
        page = st.Page(room.file, title=room.label, icon=room.icon, default=room is ROOMS[0])
        sections.setdefault(room.section, []).append(page)
    st.html(STYLE)
    page = st.navigation(sections)
    st.session_state["_routed"] = True
    if wanted := st.session_state.pop("_wanted", None):
        st.switch_page(wanted, query_params=_query())
    page.run()
    st.caption(f"gmviz {__version__} · computed on {device}")


def open_page(page_file: str, numbers: Callable[[], Mapping[str, str]] = dict) -> Lesson:
    """Start a page: guard its way in, write its question and its sentence, return its prose.

    On a fresh server a deep link runs the page's file alone, without `app.py`. The guard sends such a visitor
    through `app.py` with the whole query kept. `numbers` fills the sentence.
    """
    text = lesson(page_file)
    if not st.session_state.get("_routed"):
        st.session_state["_wanted"] = f"pages/{text.name}.py"
        st.switch_page("app.py", query_params=_query())
    st.session_state["_arrived"] = st.session_state.get("_page") != text.name
    st.session_state["_page"] = text.name
    st.title(text.heading, anchor=False)
    st.markdown(filled(text.sentence, numbers()))
    return text


def neighbours(name: str) -> None:
    """Links to the previous and the next page, in the menu's order."""
    place = [room.name for room in ROOMS].index(name)
    left, right = st.columns(2)
    if place > 0:
        left.page_link(
            ROOMS[place - 1].file, label=f"Previous: {ROOMS[place - 1].label}", icon=":material/west:"
        )
    if place + 1 < len(ROOMS):
        right.page_link(
            ROOMS[place + 1].file, label=f"Next: {ROOMS[place + 1].label}", icon=":material/east:"
        )


def _query() -> dict[str, list[str]]:
    return {name: st.query_params.get_all(name) for name in st.query_params}


def cards() -> None:
    """A card for every other page, in its section: its question, its claim, the way in."""
    sections = dict.fromkeys(room.section for room in ROOMS if room.section)
    for section in sections:
        st.subheader(section, anchor=False)
        columns = st.columns(3)
        for place, room in enumerate(room for room in ROOMS if room.section == section):
            text = lesson(str(PAGES / f"{room.name}.py"))
            with columns[place % 3], st.container(border=True, height="stretch"):
                st.markdown(f"**{text.heading}**")
                st.markdown(text.sentence)
                st.page_link(room.file, label=room.label, icon=room.icon)
