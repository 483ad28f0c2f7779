"""A control is declared once, beside the number it controls.

`knob` and `choice` are `dataclasses.field` with the control's range, unit and words as metadata. The
dataclass that owns the fields calls `check_knobs(self)` in `__post_init__`; `ui.controls` draws one widget
per field; `experiments.codec` writes and reads each field as text. Nothing here knows a widget.
"""

import math
from collections.abc import Iterator
from dataclasses import Field, dataclass, field, fields
from typing import Any

from gmviz.checks import require


@dataclass(frozen=True)
class Knob:
    """A number with its closed range [minimum, maximum], slider step, unit and words."""

    minimum: float
    maximum: float
    step: float
    label: str
    unit: str = ""
    help: str = ""
    log: bool = False

    def admits(self, value: object) -> bool:
        """Whether `value` is a finite number inside the range."""
        return (
            isinstance(value, (int, float))
            and not isinstance(value, bool)
            and math.isfinite(value)
            and (not self.whole or value == int(value))
            and self.minimum <= value <= self.maximum
        )

    @property
    def whole(self) -> bool:
        """Whether the knob moves over whole numbers."""
        return isinstance(self.step, int)

    @property
    def allowed(self) -> str:
        """The range in words, for messages."""
        return f"a {'whole ' if self.whole else ''}number from {self.minimum:g} to {self.maximum:g}"


@dataclass(frozen=True)
class Option:
    """One thing that can be chosen: its name in a link, its label on the screen."""

    name: str
    label: str


@dataclass(frozen=True)
class Choice:
    """One of `options`: instances or plain values, each shown by its `label` attribute or its own text."""

    options: tuple[Any, ...]
    label: str
    help: str = ""

    def admits(self, value: object) -> bool:
        """Whether `value` is one of the options."""
        return value in self.options

    @property
    def allowed(self) -> str:
        """The options in words, for messages."""
        return "one of " + ", ".join(option_name(option) for option in self.options)


def option_name(option: object) -> str:
    """The plain name of an option, as it stands in a link: its `name`, or its own text."""
    return str(getattr(option, "name", option))


def knob(
    default: float,
    minimum: float,
    maximum: float,
    step: float,
    *,
    label: str,
    unit: str = "",
    help: str = "",
    log: bool = False,
) -> Any:
    """A dataclass field that is a number with a slider; an integer step makes an integer slider."""
    return field(default=default, metadata={"control": Knob(minimum, maximum, step, label, unit, help, log)})


def choice(default: Any, options: tuple[Any, ...], *, label: str, help: str = "") -> Any:
    """A dataclass field that is one of `options`."""
    return field(default=default, metadata={"control": Choice(options, label, help)})


def controls_of(owner: Any) -> Iterator[tuple[Field[Any], Knob | Choice]]:
    """The fields of a dataclass (or of its instance) that carry a control, in order of declaration."""
    for each in fields(owner):
        control = each.metadata.get("control")
        if control is not None:
            yield each, control


def check_knobs(owner: Any) -> None:
    """Refuse, with a `ValueError`, the first field of `owner` whose value its control does not admit."""
    for each, control in controls_of(owner):
        value = getattr(owner, each.name)
        require(control.admits(value), each.name, control.allowed, repr(value))
