"""From a score to samples: every sampler is a frozen dataclass with a pure step."""

from gmviz.samplers.annealed import AnnealedLangevin
from gmviz.samplers.base import Level, Sampler, State, Stop, Trajectory
from gmviz.samplers.correctors import CORRECTORS, AnnealedCorrector, Corrector, LangevinCorrector
from gmviz.samplers.ddim import DDIM
from gmviz.samplers.ddpm import DDPM
from gmviz.samplers.dpm_solver import DPMSolver2M
from gmviz.samplers.flow import Euler
from gmviz.samplers.grids import GRIDS, Karras, TimeGrid, UniformLogSNR, UniformTime
from gmviz.samplers.heun import Heun
from gmviz.samplers.langevin import Langevin
from gmviz.samplers.mala import MALA
from gmviz.samplers.predictor_corrector import Hold, PredictorCorrector
from gmviz.samplers.probability_flow import ProbabilityFlow
from gmviz.samplers.reverse import ReverseDiffusion, ReverseSDE
from gmviz.samplers.scheduled import Scheduled

SAMPLERS: tuple[Sampler, ...] = (
    Langevin(),
    AnnealedLangevin(),
    DDPM(),
    PredictorCorrector(),
    ReverseSDE(),
    Heun(),
    MALA(),
    DDIM(),
    DPMSolver2M(),
    Euler(),
    ReverseDiffusion(),
    ProbabilityFlow(),
)

PREDICTORS: tuple[Scheduled, ...] = (
    ReverseDiffusion(),
    ReverseSDE(),
    DDPM(),
    DDIM(),
    Euler(),
    Heun(),
    DPMSolver2M(),
    Hold(),
)

__all__ = [
    "CORRECTORS",
    "DDIM",
    "DDPM",
    "GRIDS",
    "MALA",
    "PREDICTORS",
    "SAMPLERS",
    "AnnealedCorrector",
    "AnnealedLangevin",
    "Corrector",
    "DPMSolver2M",
    "Euler",
    "Heun",
    "Hold",
    "Karras",
    "Langevin",
    "LangevinCorrector",
    "Level",
    "PredictorCorrector",
    "ProbabilityFlow",
    "ReverseDiffusion",
    "ReverseSDE",
    "Sampler",
    "Scheduled",
    "State",
    "Stop",
    "TimeGrid",
    "Trajectory",
    "UniformLogSNR",
    "UniformTime",
]
