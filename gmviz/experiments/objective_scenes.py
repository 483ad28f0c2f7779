"""The scenes of the page of objectives, and the fits that come with the package for them."""

from dataclasses import replace

from gmviz.experiments.objectives import (
    EDGE,
    NOISE,
    NONE,
    READ,
    TARGET,
    WEIGHTS,
    Request,
)
from gmviz.experiments.scene import Scene
from gmviz.experiments.trainings import MANY
from gmviz.objectives import ISM

DEFAULT = Request()
MOSTLY_CONSTANT = replace(DEFAULT, third=NONE, fourth=NONE)
RUNAWAY = replace(
    DEFAULT, sigma=0.0, supply=MANY, first=ISM(), second=NONE, third=NONE, fourth=NONE, curve=READ
)

SCENES = (
    Scene(
        id="noisy",
        question="The same model, the same data, noise σ = 0.02. From one sample to the next the loss of "
        "ISM spreads by 3. By how much does the loss of DSM spread?",
        options=("3", "100", "2500"),
        answer=2,
        request=replace(DEFAULT, view=NOISE),
        at=0.02,
        takeaway="DSM's loss spreads by {dsm_loss:.0f}, ISM's by {ism_loss:.1f}. Most of it is the "
        "constant |z|²/2σ², but the gradient spreads too, by {dsm_gradient:.0f} against "
        "{ism_gradient:.1f}. At σ = 2 it is the other way round: {dsm_loss_wide:.3f} against "
        "{ism_loss_wide:.3f}.",
    ),
    Scene(
        id="constant",
        question="After 400 steps the loss of DSM reads 23.1, that of ISM −1.9. Which field is better?",
        options=("ISM's, by far", "DSM's, by far", "they are about as good"),
        answer=2,
        request=MOSTLY_CONSTANT,
        at=400.0,
        takeaway="Of DSM's {dsm_loss:.2f}, {dsm_constant:.2f} is a constant that no field can lower; ISM's"
        " {ism_loss:.2f} stands on one of {ism_constant:.2f}. What is left is the error: "
        "{dsm_fisher:.3f} and {ism_fisher:.3f}, that is {dsm_percent:.1f} % and {ism_percent:.1f}"
        " % of E‖∇log p‖².",
    ),
    Scene(
        id="runaway",
        question="ISM learns from 2000 clean points, again and again. Its loss falls without end. And the "
        "true error?",
        options=("it falls too", "it stays where it was", "it grows without end"),
        answer=2,
        request=RUNAWAY,
        at=400.0,
        takeaway="The loss says {ism_loss:.0f}, and with its constant {ism_reading:.0f}: a divergence "
        "cannot be negative. The true error is {ism_percent:.0f} % of E‖∇log p‖². The field turns"
        " the trace to −∞ at the 2000 points; noise on the data, or fresh points, takes that away.",
    ),
    Scene(
        id="blind",
        question="Two far modes, .80 and .20. Score matching at little noise reaches an error of 1 %. "
        "Which weight of the left mode has the model found?",
        options=(".80", ".85", ".93"),
        answer=2,
        request=replace(DEFAULT, view=WEIGHTS),
        at=400.0,
        takeaway="{score:.2f}, with {score_percent:.1f} % of error: the true Fisher divergence of such a "
        "weight is only {score_fisher:.4f}. Likelihood finds {likelihood:.2f} with the same "
        "network. With noise σ = {cured_sigma:g} the modes meet, and score matching finds "
        "{cured:.2f}.",
    ),
    Scene(
        id="average",
        question="DSM is told the wrong gradient at every point: the way back to the one x₀ that it was "
        "made from. What do these targets average to?",
        options=("the way to the nearest point", "the true score ∇log p_σ", "zero"),
        answer=1,
        request=replace(DEFAULT, view=TARGET),
        at=0.6,
        takeaway="Weighted by p(x₀|x̃) they average to a gradient of length {average:.3f} ± {error:.3f}; "
        "that of ∇log p_σ is {score:.3f}. Each single target is off by {spread:.2f}: that is the "
        "constant between DSM and ESM.",
    ),
    Scene(
        id="edges",
        question="Uniform data on a square, a normal of variance v = 1/3 as the model. ISM is said to "
        "equal ESM up to a constant, here 0. How far apart are they?",
        options=("0", "0.1", "6"),
        answer=2,
        request=replace(DEFAULT, view=EDGE),
        at=1 / 3,
        takeaway="ESM reads {esm:.2f}, ISM {ism:.2f}: the gap of {gap:.2f} is the flow of p s through the "
        "edge, {flow:.6f}. ESM would choose the widest model offered, v = {esm_choice:.1f}, for "
        "inside the square the score is 0; ISM chooses {ism_choice:.3f}, the variance of the "
        "data.",
    ),
)
SHIPPED = (DEFAULT, RUNAWAY, replace(DEFAULT, view=WEIGHTS))
