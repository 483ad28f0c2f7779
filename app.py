"""gmviz: see the difference between the Fisher divergence and the KL divergence."""

from pathlib import Path

import streamlit as st

from gmviz.ui.boot import boot
from gmviz.ui.navigation import run_page

ICON = Path(__file__).parent / "gmviz" / "ui" / "icon.svg"

st.set_page_config(
    page_title="gmviz: Fisher and KL",
    page_icon=ICON.read_text(encoding="utf-8"),
    layout="wide",
    initial_sidebar_state=230,
)
run_page(boot())
