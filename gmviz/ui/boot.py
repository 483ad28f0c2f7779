"""What a process does once, before its first page."""

import gc
import importlib
import sys

import streamlit as st
import torch

from gmviz.ui.navigation import ROOMS


@st.cache_resource(show_spinner=False)
def boot() -> str:
    """Import all that pages will need, then freeze it; returns the device in words.

    Streamlit collects garbage after every rerun while it holds the interpreter. Frozen modules are not walked
    again, which is the difference between 150 ms and 10 ms for every visitor and every rerun.
    """
    for room in ROOMS:
        importlib.import_module(f"gmviz.figures.{room.name}")
    torch.broadcast_shapes((1,), (1,))  # its first call imports sympy, a second of work
    torch.set_num_threads(1)
    sys.setswitchinterval(1e-3)
    gc.collect()
    gc.freeze()
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU, one thread"
