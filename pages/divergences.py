"""What does each divergence see?"""

import streamlit as st

from gmviz.experiments import divergences as experiment
from gmviz.figures import divergences as figure
from gmviz.ui.cache import cached
