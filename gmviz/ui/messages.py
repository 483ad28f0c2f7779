"""A refused value ends in a sentence, not in a stack trace."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import streamlit as st


@contextmanager
def explained() -> Iterator[None]:
    """Show a `ValueError` of the block as a message and stop there; everything drawn before stays."""
    try:
        yield
    except ValueError as problem:
        st.error(f"This cannot be shown: {problem}.", icon=":material/error:")
        st.stop()


def notice(refused: Sequence[str]) -> None:
    """Name what a link asked for and could not get."""
    if refused:
        st.warning(
            "The link asked for something this page cannot give; its default is shown instead. "
            + " ".join(f"{sentence}." for sentence in refused),
            icon=":material/link_off:",
        )
