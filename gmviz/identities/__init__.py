"""Every identity the app rests on, written once: the tests run it, a page shows it.

Each is a statement about any pair (p, q) of smooth densities on R^d. In the formulas r = f = log p − log q,
D_F is the Fisher divergence and p_σ the law of x₀ + σz.
"""

from gmviz.identities.divergences import DIVERGENCE_IDENTITIES
from gmviz.identities.identity import AT_MOST, EQUAL, Identity, Relation, Verdict
from gmviz.identities.landscapes import LANDSCAPE_IDENTITIES
from gmviz.identities.local_variance import LOCAL_VARIANCE_IDENTITIES
from gmviz.identities.noise import NOISE_IDENTITIES
from gmviz.identities.objectives import OBJECTIVE_IDENTITIES
from gmviz.identities.points import POINT_IDENTITIES
from gmviz.identities.samplers import SAMPLER_IDENTITIES

__all__ = ["AT_MOST", "EQUAL", "IDENTITIES", "Identity", "Relation", "Verdict"]

IDENTITIES: tuple[Identity, ...] = (
    *DIVERGENCE_IDENTITIES,
    *NOISE_IDENTITIES,
    *LOCAL_VARIANCE_IDENTITIES,
    *LANDSCAPE_IDENTITIES,
    *POINT_IDENTITIES,
    *OBJECTIVE_IDENTITIES,
    *SAMPLER_IDENTITIES,
)
