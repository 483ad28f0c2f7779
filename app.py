"""gmviz: see the difference between the Fisher divergence and the KL divergence."""

import streamlit as st

from gmviz.ui.boot import boot
from gmviz.ui.navigation import run_page

st.set_page_config(page_title="gmviz: Fisher and KL", page_icon=":material/compare:", layout="wide")
boot()
run_page()
