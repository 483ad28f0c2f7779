"""The fold under a picture: every number of the page as a table, and what was asked for."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from gmviz.experiments import codec


def details(
    request: Any, table: Callable[[], Mapping[str, Sequence[float]]], name: str, hidden: bool = False
) -> None:
    """A fold with the numbers behind the picture, their download, and the request that reproduces them.

    The table is made only when the fold is open, and not while the numbers are `hidden` to be guessed.
    """
    if hidden:
        return
    fold = st.expander(
        "Details: every number, the request, a download",
        icon=":material/table_view:",
        key=f"{name}_details",
        on_change="rerun",
    )
    if not fold.open:
        return
    with fold:
        numbers = pd.DataFrame(table())
        digits = {column: st.column_config.NumberColumn(format="%.6g") for column in numbers}
        st.dataframe(numbers, hide_index=True, width="stretch", height=260, column_config=digits)
        st.download_button(
            "Numbers as CSV",
            numbers.to_csv(index=False).encode(),
            file_name=f"gmviz-{name}.csv",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
        )
        asked = ", ".join(f"{field} = {text}" for field, text in codec.encode(request).items())
        st.caption(f"Request: {asked}")
