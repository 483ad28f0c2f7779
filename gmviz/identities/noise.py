"""Identities along noise: the area under Fisher is the KL that noise removes."""

from torch import Tensor

from gmviz.densities import Density
from gmviz.divergences import fisher, kl
from gmviz.identities.identity import AT_MOST, Identity, Side, value
from gmviz.noising import along, fisher_area, likelihood_weight, weighted_fisher
from gmviz.schedules import VE, VP, Schedule


def after_noise(p: Density, q: Density, sigmas: tuple[float, ...]) -> Tensor:
    """KL(p_σ‖q_σ) for each σ."""
    return along(kl, p, q, [(1.0, sigma) for sigma in sigmas])


def at_time(schedule: Schedule, t: float) -> list[tuple[float, float]]:
    """The one level (α, σ) of a schedule at t."""
    return [(schedule.alpha(t).item(), schedule.sigma(t).item())]


def end_to_end(schedule: Schedule) -> Side:
    """KL(p₀‖q₀) − KL(p₁‖q₁) along a schedule, from its first to its last noise level."""

    def side(p: Density, q: Density) -> Tensor:
        first, last = along(kl, p, q, [*at_time(schedule, 0.0), *at_time(schedule, 1.0)])
        return first - last

    return side


def kl_rate(schedule: Schedule, t: float, h: float = 2e-3) -> Side:
    """d/dt KL(p_t‖q_t) by the five-point difference quotient of order 4."""

    def side(p: Density, q: Density) -> Tensor:
        levels = [at_time(schedule, t + k * h)[0] for k in (-2, -1, 1, 2)]
        a, b, c, d = along(kl, p, q, levels)
        return (a - 8 * b + 8 * c - d) / (12 * h)

    return side


SIGMAS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)
LAST = 10.0  # σ at which the area ends
TIME = 0.15

NOISE_IDENTITIES = (
    Identity(
        name="area-against-variance",
        page="noise",
        statement="KL is the area under Fisher against the variance of the noise, plus the KL that is left.",
        formula=r"\mathrm{KL}(p\,\|\,q) = \int_0^{S^2} D_F(p_\sigma, q_\sigma)\,d\sigma^2"
        r" + \mathrm{KL}(p_S\,\|\,q_S)",
        source="de Bruijn's identity; Barron 1986",
        left=value(kl),
        right=lambda p, q: fisher_area(p, q, LAST) + after_noise(p, q, (LAST,))[0],
        tolerance=1e-9,
    ),
    Identity(
        name="area-variance-preserving",
        page="noise",
        statement="Along the variance-preserving equation KL falls by the area under β times Fisher.",
        formula=r"\mathrm{KL}(p_0\,\|\,q_0) - \mathrm{KL}(p_1\,\|\,q_1)"
        r" = \int_0^1 \beta(t)\,D_F(p_t, q_t)\,dt",
        source="Song, Durkan, Murray & Ermon 2021, theorem 1",
        left=end_to_end(VP()),
        right=lambda p, q: weighted_fisher(p, q, VP(), likelihood_weight(VP())),
        tolerance=1e-9,
    ),
    Identity(
        name="variance-weighting-is-likelihood",
        page="noise",
        statement="For geometric noise levels the weight σ² is, up to a constant, the weight of likelihood.",
        formula=r"\mathrm{KL}(p_{\sigma_0}\|q_{\sigma_0}) - \mathrm{KL}(p_{\sigma_1}\|q_{\sigma_1})"
        r" = 2\ln\tfrac{\sigma_1}{\sigma_0}\int_0^1 \sigma^2 D_F\,dt",
        source="Song & Ermon 2019; Song, Durkan, Murray & Ermon 2021",
        left=end_to_end(VE()),
        right=lambda p, q: 2 * VE().log_ratio * weighted_fisher(p, q, VE(), lambda t: VE().sigma(t).square()),
        tolerance=1e-9,
    ),
    Identity(
        name="rate",
        page="noise",
        statement="KL falls at the rate of the squared diffusion times Fisher.",
        formula=r"\tfrac{d}{dt}\,\mathrm{KL}(p_t\,\|\,q_t) = -g(t)^2\,D_F(p_t, q_t)",
        source="de Bruijn's identity; Barron 1986",
        left=kl_rate(VP(), TIME),
        right=lambda p, q: -VP().diffusion(TIME).square() * along(fisher, p, q, at_time(VP(), TIME))[0],
        tolerance=1e-7,
    ),
    Identity(
        name="noise-lowers-kl",
        page="noise",
        statement="The same noise on both never raises KL. (Fisher it can raise fifty-fold.)",
        formula=r"\mathrm{KL}(p_\sigma\,\|\,q_\sigma) \le \mathrm{KL}(p_\tau\,\|\,q_\tau),"
        r"\quad \tau \le \sigma",
        source="data-processing inequality",
        left=lambda p, q: after_noise(p, q, SIGMAS[1:]),
        right=lambda p, q: after_noise(p, q, SIGMAS[:-1]),
        tolerance=1e-11,
        relation=AT_MOST,
    ),
)
