"""Every way to match a gradient: losses per sample that estimate one divergence, exact to the constant."""

from gmviz.objectives.boundary import boundary_term
from gmviz.objectives.dsm import DSM, AntitheticDSM
from gmviz.objectives.esm import ESM
from gmviz.objectives.fd_dsm import FDDSM
from gmviz.objectives.fd_ssm import FDSSM
from gmviz.objectives.ism import ISM
from gmviz.objectives.maximum_likelihood import MaximumLikelihood
from gmviz.objectives.objective import Draw, Objective, Sliced, Work
from gmviz.objectives.probes import GAUSSIAN, PROBES, RADEMACHER, SPHERE, Probes
from gmviz.objectives.squared_log_ratio import SquaredLogRatio
from gmviz.objectives.ssm import SSM
from gmviz.objectives.ssm_vr import SSMVR

OBJECTIVES: tuple[Objective, ...] = (
    ESM(),
    ISM(),
    DSM(),
    AntitheticDSM(),
    SSM(),
    SSMVR(),
    FDSSM(),
    FDDSM(),
    MaximumLikelihood(),
    SquaredLogRatio(),
)

__all__ = [
    "DSM",
    "ESM",
    "FDDSM",
    "FDSSM",
    "GAUSSIAN",
    "ISM",
    "OBJECTIVES",
    "PROBES",
    "RADEMACHER",
    "SPHERE",
    "SSM",
    "SSMVR",
    "AntitheticDSM",
    "Draw",
    "MaximumLikelihood",
    "Objective",
    "Probes",
    "Sliced",
    "SquaredLogRatio",
    "Work",
    "boundary_term",
]
