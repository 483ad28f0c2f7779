"""Predict, then reveal: the scenes of a page."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from gmviz.experiments.scene import Scene
from gmviz.ui.controls import Controls


class Stage:
    """The scene that is being played on a page, if any.

    While its question stands open the player is `veiled`: the play-head waits and the numerals read "?".
    """

    def __init__(self, controls: Controls[Any], scenes: Sequence[Scene]) -> None:
        self.controls = controls
        self.scenes = {scene.id: scene for scene in scenes}
        self._state = st.session_state.setdefault(f"{controls.name}_scene", {"id": None, "answer": None})
        self._box = st.container()
        if arrived := controls.arrived_scene():
            self._state.update(id=arrived, answer=None)

    @property
    def scene(self) -> Scene | None:
        """The scene on stage."""
        return self.scenes.get(self._state["id"])

    def left(self, request: Any) -> bool:
        """Whether a control was touched since the scene began."""
        return self.scene is not None and request != self.scene.request

    def veiled(self, request: Any) -> bool:
        """Whether the numbers are still to be guessed."""
        return self.scene is not None and self._state["answer"] is None and not self.left(request)

    def asked(self, request: Any) -> Scene | None:
        """The scene whose question stands open: a link holds it only as long."""
        return self.scene if self.veiled(request) else None

    def at(self, request: Any) -> float | None:
        """Where the play-head stops: the scene's position, else the one a link asked for."""
        return self.scene.at if self.scene and not self.left(request) else self.controls.at

    def draw(self, request: Any, numbers: Callable[[float], Mapping[str, float]]) -> None:
        """Draw the buttons of all scenes here; question, answers and takeaway above the page's controls.

        `numbers(at)` reads the result at a swept value, for the takeaway.
        """
        if self.scene is not None:
            with self._box, st.container(border=True, key=f"{self.controls.name}_scene_box"):
                if self.left(request):
                    self._draw_left()
                elif self.veiled(request):
                    self._draw_question(self.scene)
                else:
                    self._draw_takeaway(self.scene, numbers(self.scene.at))
        with st.container(horizontal=True, key=f"{self.controls.name}_scenes"):
            for number, scene in enumerate(self.scenes.values(), 1):
                st.button(
                    f"Scene {number}",
                    help=scene.question,
                    icon=":material/play_circle:",
                    type="primary" if scene is self.scene else "secondary",
                    on_click=self._enter,
                    args=(scene,),
                    key=f"{self.controls.name}_scene_{scene.id}",
                )
            st.button(
                "Reset",
                help="Every setting of this page back to its default",
                icon=":material/restart_alt:",
                type="tertiary",
                on_click=self._reset,
                key=f"{self.controls.name}_reset",
            )

    def _enter(self, scene: Scene) -> None:
        self._state.update(id=scene.id, answer=None)
        self.controls.take(scene.request)

    def _answer(self, answer: int) -> None:
        self._state["answer"] = answer

    def _leave(self) -> None:
        self._state.update(id=None, answer=None)

    def _reset(self) -> None:
        self._leave()
        self.controls.take(self.controls.request_type())

    def _next(self) -> Scene | None:
        """The scene after the present one."""
        later = list(self.scenes.values())
        place = later.index(self.scene) + 1 if self.scene else 0
        return later[place] if place < len(later) else None

    def _draw_left(self) -> None:
        words, back, leave = st.columns([4, 1, 1], vertical_alignment="center")
        words.markdown("You left this scene.")
        back.button("Back", on_click=self._enter, args=(self.scene,), key=f"{self.controls.name}_back")
        leave.button("Close", on_click=self._leave, key=f"{self.controls.name}_close")

    def _draw_question(self, scene: Scene) -> None:
        st.markdown(f"**{scene.question}**")
        with st.container(horizontal=True):
            for index, option in enumerate(scene.options):
                st.button(
                    option,
                    shortcut=str(index + 1),
                    on_click=self._answer,
                    args=(index,),
                    key=f"{self.controls.name}_option_{index}",
                )
            st.button(
                "Show me",
                shortcut="S",
                type="tertiary",
                on_click=self._answer,
                args=(-1,),
                key=f"{self.controls.name}_skip",
            )

    def _draw_takeaway(self, scene: Scene, numbers: Mapping[str, float]) -> None:
        chosen, right = self._state["answer"], scene.options[scene.answer]
        verdict = {scene.answer: f"Yes: **{right}**. ", -1: f"**{right}**. "}.get(
            chosen, f"You said {scene.options[chosen]}; it is **{right}**. "
        )
        words, onward = st.columns([5, 1], vertical_alignment="center")
        words.markdown(verdict + scene.takeaway.format(**numbers))
        with onward, st.container(horizontal=True, horizontal_alignment="right"):
            if following := self._next():
                name = f"{self.controls.name}_next"
                st.button("Next", shortcut="N", on_click=self._enter, args=(following,), key=name)
            st.button("Close", on_click=self._leave, key=f"{self.controls.name}_close", type="tertiary")
