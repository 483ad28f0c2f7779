"""One widget for each field of a request, in step with the link."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

import streamlit as st

from gmviz.experiments import codec
from gmviz.experiments.scene import Scene
from gmviz.knobs import Choice, Knob, controls_of
from gmviz.ui.player import Moved

R = TypeVar("R")
EXTRAS = ("at", "scene")  # what a link may hold beside the fields: the play-head's position, a scene


class Controls(Generic[R]):
    """The widgets of `request_type` on the page `name`.

    The session holds each field under `NAME_field`; the link holds every field that differs from its default.
    What a link asks for and cannot get is kept in `refused`, a sentence each. `then[field]` gives the fields
    that follow when that field changes, by its widget or by a link.
    """

    def __init__(
        self,
        name: str,
        request_type: type[R],
        scenes: Sequence[Scene] = (),
        then: Mapping[str, Callable[[Any], Mapping[str, Any]]] | None = None,
    ) -> None:
        self.name = name
        self.request_type = request_type
        self.fields = {each.name: (each.default, control) for each, control in controls_of(request_type)}
        self._then = then or {}
        self._memory = st.session_state.setdefault(
            f"{name}_memory", {"written": None, "fields": {}, "at": None}
        )
        asked, arrived = st.query_params.to_dict(), st.session_state.pop("_arrived", False)
        # An empty link is the way back to the defaults, unless the visitor comes from another page.
        if asked != (self._memory["written"] or {}) and (asked or not arrived):
            self._adopt(asked, {scene.id: scene.request for scene in scenes})
        for field, (default, _) in self.fields.items():
            value = self._memory["fields"].get(field, default)
            st.session_state.setdefault(self.key(field), value)

    @property
    def refused(self) -> list[str]:
        """What the link asked for and could not get."""
        return self._memory.get("refused", [])

    @property
    def at(self) -> float | None:
        """The play-head's position that the link asked for, until a control is touched."""
        return self._memory["at"]

    def key(self, field: str) -> str:
        """The session's key of a field."""
        return f"{self.name}_{field}"

    def value(self, field: str) -> Any:
        """What a field is set to now, before its widget is drawn."""
        return st.session_state[self.key(field)]

    def set(self, values: Mapping[str, Any]) -> None:
        """Set fields; only before their widgets are drawn, as in a callback."""
        for field, value in values.items():
            st.session_state[self.key(field)] = value

    def follow(self, moved: Moved, values: Mapping[str, Any]) -> None:
        """Set the fields that dragged handles stand for; only in a callback."""
        self.set(values)
        self._memory["dragged"] = moved.at if moved.held else None

    @property
    def dragged(self) -> float | None:
        """The swept value at which a finger holds a handle right now, when a draft is enough."""
        return self._memory.get("dragged")

    def take(self, request: R) -> None:
        """Set every field as in `request`."""
        self.set({field: getattr(request, field) for field in self.fields})

    def row(
        self,
        fields: Sequence[str],
        options: Mapping[str, Sequence[Any]] | None = None,
    ) -> None:
        """Draw the widgets of `fields` side by side; `options` narrows the choices of a field."""
        with st.container(key=f"controls_{self.name}_{fields[0]}"):
            columns = st.columns(len(fields))
        for column, field in zip(columns, fields, strict=True):
            _, control = self.fields[field]
            follow = self._then.get(field)
            with column:
                if isinstance(control, Choice) and all(isinstance(each, int) for each in control.options):
                    self._notch(field, control)
                elif isinstance(control, Choice):
                    self._pick(field, control, (options or {}).get(field, control.options), follow)
                else:
                    self._slide(field, control)

    def request(self) -> R:
        """The request that the widgets describe; the link is brought in step with it.

        Raises `ValueError` when the fields do not go together.
        """
        values = {field: self.value(field) for field in self.fields}
        request = self.request_type(**values)
        if values != self._memory["fields"] and self._memory["fields"]:
            self._memory["at"], self._memory["refused"] = None, []
        self._memory["fields"] = values
        return request

    def link(self, request: R, scene: Scene | None) -> dict[str, str]:
        """Every field as text and the scene: what a copied link holds beside the play-head's position."""
        return codec.encode(request) | ({"scene": scene.id} if scene else {})

    def write_link(self, request: R, scene: Scene | None) -> None:
        """Bring the address bar in step: what differs from the defaults, and the scene."""
        plain, base = codec.encode(self.request_type()), codec.encode(self._base(request))
        link = {
            field: text
            for field, text in self.link(request, scene).items()
            if text != (plain if field in self._then else base).get(field)
        }
        if self.at is not None:
            link["at"] = repr(self.at)
        self._memory["written"] = link
        if st.query_params.to_dict() != link:
            st.query_params.from_dict(link)

    def _base(self, request: R) -> R:
        """The defaults that go with the present value of each field that others follow."""
        values = {field: default for field, (default, _) in self.fields.items()}
        for field, follow in self._then.items():
            value = getattr(request, field)
            if value != values[field]:
                values |= {field: value} | dict(follow(value))
        return self.request_type(**values)

    def _adopt(self, asked: Mapping[str, str], scenes: Mapping[str, R]) -> None:
        """Take over the fields of a link; name what it asks for and cannot get."""
        refused, at = [], None
        scene = asked.get("scene")
        if scene is not None and scene not in scenes:
            refused.append(f"scene must be one of {', '.join(scenes) or 'none on this page'}, got {scene!r}")
        base = scenes.get(scene or "", self.request_type())
        values = {field: getattr(base, field) for field in self.fields}
        for field, text in sorted(asked.items(), key=lambda each: each[0] not in self._then):
            try:
                if field == "at":
                    at = codec.read("at", text, Knob(-1e6, 1e6, 0.1, label="position"))
                elif field in self.fields:
                    values[field] = codec.read(field, text, self.fields[field][1])
                    values |= dict(self._then[field](values[field])) if field in self._then else {}
                elif field not in EXTRAS:
                    refused.append(f"{field} is no setting of this page")
            except ValueError as problem:
                refused.append(str(problem))
        try:
            self.request_type(**values)
        except ValueError as problem:
            refused.append(str(problem))
            values = {field: default for field, (default, _) in self.fields.items()}
        self.set(values)
        self._memory.update(fields=values, at=at, refused=refused, arrived=scene if scene in scenes else None)

    def arrived_scene(self) -> str | None:
        """The scene a link opened, once."""
        return self._memory.pop("arrived", None)

    def _pick(
        self,
        field: str,
        control: Choice,
        options: Sequence[Any],
        follow: Callable[[Any], Mapping[str, Any]] | None,
    ) -> None:
        if self.value(field) not in options:
            self.set({field: options[0]})
        st.selectbox(
            control.label,
            options,
            key=self.key(field),
            format_func=lambda option: getattr(option, "label", str(option)),
            help=control.help or None,
            on_change=lambda: self.set(follow(self.value(field))) if follow else None,
        )

    def _notch(self, field: str, control: Choice) -> None:
        """A slider over the few numbers of a choice."""
        st.select_slider(control.label, control.options, key=self.key(field), help=control.help or None)

    def _slide(self, field: str, control: Knob) -> None:
        unit = f" ({control.unit})" if control.unit else ""
        st.slider(
            control.label + unit,
            control.minimum,
            control.maximum,
            step=control.step,
            key=self.key(field),
            help=control.help or None,
        )
