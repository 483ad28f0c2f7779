"""Requests as plain text and back: the one place where a value becomes a string.

A link, a store key and a copied script all hold `encode(request)`. Numbers are written so that they read back
to the same float; an option is written by its `name`.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

from gmviz.checks import require
from gmviz.knobs import Choice, Knob, controls_of, option_name

R = TypeVar("R")


def encode(request: Any) -> dict[str, str]:
    """Every field of a request as text, in order of declaration."""
    return {each.name: _write(getattr(request, each.name)) for each, _ in controls_of(request)}


def decode(request_type: type[R], texts: Mapping[str, str]) -> R:
    """The request that `texts` describe; fields left out keep their defaults.

    Raises `ValueError` for an unknown field, a text that is no value, and a value out of range.
    """
    controls = {each.name: control for each, control in controls_of(request_type)}
    for name in texts:
        require(name in controls, "a field", "one of " + ", ".join(controls), repr(name))
    return request_type(**{name: read(name, text, controls[name]) for name, text in texts.items()})


def read(name: str, text: str, control: Knob | Choice) -> Any:
    """The value of one field that `text` stands for; `ValueError` when the control does not admit it."""
    if isinstance(control, Choice):
        for option in control.options:
            if option_name(option) == text:
                return option
        raise ValueError(f"{name} must be {control.allowed}, got {text!r}")
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    require(control.admits(value), name, control.allowed, repr(text))
    return int(value) if control.whole else value


def key(function: Any, request: Any) -> str:
    """A readable cache key: the function's qualified name and every field of the request."""
    fields = ", ".join(f"{name}={text}" for name, text in encode(request).items())
    return f"{function.__module__}.{function.__qualname__}({fields})"


def _write(value: object) -> str:
    return repr(value) if isinstance(value, (int, float)) else option_name(value)
