"""Results computed once for everybody, kept by a readable key."""

from collections.abc import Callable
from typing import Any, TypeVar

import streamlit as st

from gmviz.experiments import codec

R = TypeVar("R")


@st.cache_resource(max_entries=64, show_spinner=False)
def _kept(key: str, _function: Callable[[Any], Any], _subject: Any) -> Any:
    return _function(_subject)


def cached(function: Callable[[Any], R], subject: Any) -> R:
    """`function(subject)`, computed once per request; the subject is a request or a result that carries one.

    The value is shared by all visitors and must not be changed. Two visitors who ask for the same thing at
    the same time wait for one computation.
    """
    request = getattr(subject, "request", subject)
    return _kept(codec.key(function, request), function, subject)
