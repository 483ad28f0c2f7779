"""The page `objectives`: its shipped fits, its scenes, what a fit is, and every view's numbers."""

from dataclasses import fields, replace

import pytest
import torch

from gmviz.boxes import Boxes
from gmviz.datasets import DATASETS
from gmviz.experiments import codec, courses, hard_edges, mode_weights, objectives, targets
from gmviz.experiments.hard_edges import NOISED, VARIANCES
from gmviz.experiments.mode_weights import FAR, WEIGHTS
from gmviz.experiments.objective_scenes import DEFAULT, RUNAWAY, SCENES, SHIPPED
from gmviz.experiments.objectives import CURL, EDGE, NONE, TARGET, VIEWS, Request, run, untouched
from gmviz.experiments.trainings import ENERGIES, MANY, SCORES, Setting, Square
from gmviz.figures.objectives import animation, costs
from gmviz.knobs import Knob, controls_of
from gmviz.networks import Head
from gmviz.objectives import DSM, ESM, ISM, OBJECTIVES, MaximumLikelihood
from gmviz.quadrature import Grid

SCENE = {scene.id: scene for scene in SCENES}
KNOBS = {field.name: control for field, control in controls_of(Request) if isinstance(control, Knob)}
SHORT = replace(DEFAULT, steps=50, batch=64, width=16, depth=1, frequencies=16)


@pytest.fixture(autouse=True)
def empty_store(tmp_path, monkeypatch):
    monkeypatch.setenv("GMVIZ_STORE", str(tmp_path))


def told(name):
    scene = SCENE[name]
    return run(scene.request).at(scene.at)


def performed(job):
    """The reports of a job and what it returns."""
    reports = []
    while True:
        try:
            reports.append(next(job))
        except StopIteration as end:
            return reports, end.value


# ---- what is shipped ----


def test_the_first_picture_needs_no_training():
    for request in SHIPPED:
        found = objectives.from_store(request)
        assert found is not None, "run `make defaults`"
        assert found[1], "it comes with the package"


def test_the_shipped_default_is_good():
    """Each error by a quadrature of its own, from the stored parameters."""
    p = DEFAULT.data.density.noised(DEFAULT.sigma)
    grid = Grid.covering(p)
    mass = grid.weights * p.log_prob(grid.nodes).exp()
    score = p.score(grid.nodes)
    result = run(DEFAULT)
    assert len(result.learned) == 4
    for each in result.learned:
        apart = (each.model.score(grid.nodes.float()).detach().double() - score).square().sum(-1)
        relative = (mass @ apart / (mass @ score.square().sum(-1))).item()
        assert relative < 0.02, each.objective.label
        assert each.course.relative[-1].item() == pytest.approx(relative, rel=3e-3)
        assert each.course.fisher[-1].item() == pytest.approx((mass @ apart).item() / 2, rel=3e-3)


def test_the_map_adds_up_to_the_number():
    """Σ ½p‖s − ∇log p‖² over the drawn nodes is the true Fisher error, but for the rim."""
    result = run(DEFAULT)
    x0, x1, *_ = result.square.extent
    cell = ((x1 - x0) / 32) ** 2
    for each in result.learned:
        total = result.error_map(each)[-1].sum().item() * cell
        assert total == pytest.approx(each.course.fisher[-1].item(), rel=0.05)


def test_energies_have_no_curl():
    result = run(DEFAULT)
    x = result.square.nodes.float()
    curls = {each.objective.name: each.model.curl(x).detach().abs().max().item() for each in result.learned}
    assert curls["kl"] < 1e-4
    assert min(curls[name] for name in ("dsm", "ism", "ssm-vr")) > 0.1


# ---- what a fit is ----


def test_fits_side_by_side_are_the_fits_alone():
    payload = [codec.encode(each) for each in SHORT.trainings]
    reports, together = performed(courses.fit(payload))
    (_, (alone,)) = performed(courses.fit(payload[1:2]))
    for name in ("scores", "fisher", "reading", "parameters"):
        torch.testing.assert_close(getattr(together[1], name), getattr(alone, name), rtol=0, atol=0)
    done = [report.done for report in reports]
    assert done == sorted(done)
    assert done[-1] == reports[-1].total == 4 * SHORT.steps
    partials = [report.partial for report in reports if report.partial is not None]
    assert len(partials[0]) == 4
    assert partials[-1][0].steps[-1] == SHORT.steps


def test_a_kept_fit_is_found_and_not_made_again():
    payload = [codec.encode(each) for each in SHORT.trainings]
    _, made = performed(courses.fit(payload))
    reports, found = performed(courses.fit(payload))
    assert reports == []
    for one, other in zip(made, found, strict=True):
        torch.testing.assert_close(one.tensors(), other.tensors(), rtol=0, atol=0)
    assert objectives.from_store(SHORT)[1] is False
    assert objectives.from_store(replace(SHORT, seed=1)) is None


def test_models_begin_alike_per_head():
    dsm, ism, sliced, kl = untouched(SHORT)
    for other in (ism, sliced):
        torch.testing.assert_close(dsm.scores, other.scores, rtol=0, atol=0)
    assert (dsm.scores - kl.scores).abs().max() > 0.01
    assert dsm.steps.tolist() == [0.0]


def test_one_objective_chosen_twice_is_one_fit():
    assert len(replace(DEFAULT, second=DSM(), third=NONE).trainings) == 2


def test_a_fit_that_ended_early_reads_infinity():
    result = run(DEFAULT)
    first, second = result.learned[:2]
    cut = replace(
        first.course,
        ended="step 20: the loss is no longer finite",
        **{name: values[:4] for name, values in first.course.tensors().items() if name != "parameters"},
    )
    result = replace(result, learned=(replace(first, course=cut), second))
    assert len(result.steps) == len(second.course.steps)
    row = result.learned[0].row("fisher", len(result.steps))
    assert row[3].isfinite()
    assert row[4:].isinf().all()
    assert result.faults == ("DSM, step 20: the loss is no longer finite.",)
    assert animation(DEFAULT, result).nbytes > 0


# ---- what can run ----


def values(**changed):
    return {each.name: getattr(DEFAULT, each.name) for each in fields(Setting)} | changed


def test_everything_runs_by_default():
    options, reasons = objectives.offered(values())
    assert options["first"] == OBJECTIVES
    assert reasons == ()


def test_what_cannot_run_says_why():
    options, reasons = objectives.offered(values(sigma=0.0))
    assert DSM() not in options["first"]
    assert ISM() in options["first"]
    assert "DSM needs noise: set σ to 0.005 or more" in reasons
    options, reasons = objectives.offered(values(network=SCORES))
    assert MaximumLikelihood() not in options["second"]
    assert "KL needs log q: choose an energy network" in reasons
    with pytest.raises(ValueError, match="objective must be one that can run here, got KL needs log q"):
        _ = replace(DEFAULT, network=SCORES).trainings
    board = next(data for data in DATASETS if data.name == "checkerboard")
    with pytest.raises(ValueError, match="hard edges"):
        _ = replace(DEFAULT, data=board, sigma=0.0, first=ISM()).trainings


def test_heads():
    heads = [each.head for each in DEFAULT.trainings]
    assert heads == [Head.SCORE, Head.SCORE, Head.SCORE, Head.ENERGY]
    assert {each.head for each in replace(DEFAULT, network=ENERGIES).trainings} == {Head.ENERGY}


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda each: each.name)
def test_every_objective_learns_something(objective):
    request = replace(SHORT, steps=100, first=objective, second=NONE, third=NONE, fourth=NONE)
    (learned,) = run(request).learned
    assert learned.course.relative[-1] < 0.5 * learned.course.relative[0]


# ---- scenes ----


def test_the_estimators_noise():
    numbers = told("noisy")
    assert numbers["dsm_loss"] == pytest.approx(2499, abs=0.5)
    assert numbers["ism_loss"] == pytest.approx(3.011, abs=5e-4)
    assert numbers["dsm_loss_wide"] == pytest.approx(0.064, abs=5e-4)
    assert numbers["ism_loss_wide"] == pytest.approx(0.204, abs=5e-4)
    said = SCENE["noisy"].takeaway.format(**numbers)
    assert said.startswith("DSM's loss spreads by 2499, ISM's by 3.0.")
    assert "0.064 against 0.204" in said


def test_most_of_a_loss_is_constant():
    numbers = told("constant")
    assert numbers["dsm_constant"] == pytest.approx(23.082033, abs=1e-5)
    assert numbers["ism_constant"] == pytest.approx(-3.835933 / 2, abs=1e-5)
    assert numbers["dsm_loss"] == pytest.approx(23.1, abs=0.05)
    assert numbers["ism_loss"] == pytest.approx(-1.9, abs=0.05)
    assert max(numbers["dsm_percent"], numbers["ism_percent"]) < 2


def test_clean_points_run_away():
    numbers = told("runaway")
    assert RUNAWAY.supply is MANY
    assert numbers["ism_reading"] < -50
    assert numbers["ism_percent"] > 1000
    (fault,) = run(RUNAWAY).faults
    assert "which none can be" in fault


def test_score_matching_is_blind_to_weights():
    numbers = told("blind")
    assert numbers["likelihood"] == pytest.approx(0.8, abs=0.02)
    assert numbers["score"] == pytest.approx(0.93, abs=0.03)
    assert numbers["score_percent"] < 2
    assert numbers["cured"] == pytest.approx(0.8, abs=0.02)
    assert numbers["score_fisher"] < 2e-3


def test_targets_average_to_the_score():
    numbers = told("average")
    assert numbers["apart"] < 4 * numbers["error"]
    assert numbers["score"] > 1


def test_the_square():
    numbers = told("edges")
    assert numbers["esm"] == pytest.approx(3, abs=1e-9)
    assert numbers["ism"] == pytest.approx(-3, abs=1e-9)
    assert numbers["flow"] == pytest.approx(-6, abs=1e-9)
    assert numbers["ism_choice"] == pytest.approx(1 / 3)
    assert numbers["esm_choice"] == VARIANCES[-1].item()


# ---- the other views ----


@pytest.mark.parametrize("weight", [0.3, 0.8, 0.95])
@pytest.mark.parametrize("sigma", [0.1, 0.5, 1.0])
def test_the_weight_of_a_mixture_is_read_off_exactly(weight, sigma):
    square = Square.around(FAR, sigma)
    weights = torch.tensor([weight, 1 - weight], dtype=torch.float64)
    log_q = replace_weights(weights).noised(sigma).log_prob(square.nodes).reshape(1, 33, 33)
    assert mode_weights.left_weight(log_q, sigma).item() == pytest.approx(weight, abs=3e-3)


def replace_weights(weights):
    density = FAR.density
    return type(density)(weights, density.means, density.covariances)


def test_the_landscape_of_a_weight():
    """Modes so far apart have KL = Σ w log w/v, and no Fisher to speak of."""
    level = mode_weights.landscape(0.1)
    expected = 0.8 * (0.8 / WEIGHTS).log() + 0.2 * (0.2 / (1 - WEIGHTS)).log()
    assert (level.kl - expected).abs().max() < 2e-3
    assert (level.fisher < 0.02 * level.kl + 1e-12).all()
    at_truth = (WEIGHTS - 0.8).abs().argmin()
    assert level.fisher[at_truth] < 1e-12
    assert mode_weights.landscape(0.5).fisher[5] > 5 * level.fisher[5]


@pytest.mark.parametrize("data", ["p2", "moons", "checkerboard"])
def test_targets_and_their_spread(data):
    """The mean target is ∇log p_σ, and E‖target − mean‖² = d/σ² + Δlog p_σ."""
    law = next(each for each in DATASETS if each.name == data)
    result = targets.run(targets.Request(data=law, probe_x=0.3, probe_y=0.5))
    apart = (result.average - result.score).norm(dim=-1)
    assert (apart < 4 * result.error).all()
    levels = [law.density.noised(sigma) for sigma in targets.SIGMAS.tolist()]
    curvature = torch.stack([level.hessian(result.request.probe[None])[0].trace() for level in levels])
    expected = (2 / targets.SIGMAS.square() + curvature).sqrt()
    torch.testing.assert_close(result.spread, expected, rtol=0.05, atol=0)


def test_both_losses_on_the_square():
    result = hard_edges.run(hard_edges.Request())
    torch.testing.assert_close(result.esm, 1 / (3 * VARIANCES**2), rtol=1e-9, atol=0)
    torch.testing.assert_close(result.ism, 1 / (3 * VARIANCES**2) - 2 / VARIANCES, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(result.flow, -2 / VARIANCES, rtol=1e-12, atol=0)
    assert isinstance(result.request.law, Boxes)


def test_noise_on_the_edges_restores_the_identity():
    result = hard_edges.run(hard_edges.Request(edges=NOISED, blur=0.2))
    torch.testing.assert_close(result.ism, result.esm, rtol=1e-5, atol=1e-5)


# ---- pictures ----


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_every_view_has_a_small_picture_and_a_table(view):
    request = replace(DEFAULT, view=view)
    result = run(request)
    assert animation(request, result).nbytes < 300_000
    lengths = {len(column) for column in result.table().values()}
    assert len(lengths) == 1


@pytest.mark.parametrize(("name", "end"), [(name, end) for name in KNOBS for end in ("minimum", "maximum")])
def test_every_knob_at_both_ends(name, end):
    changed = {name: getattr(KNOBS[name], end)}
    if changed == {"sigma": 0.0}:
        changed |= {"first": ESM(), "second": ISM()}
    view = EDGE if name == "blur" else TARGET if name.startswith("probe") else DEFAULT.view
    request = replace(DEFAULT, view=view, **changed)
    result = objectives.seen(request, untouched(request))
    assert animation(request, result).nbytes > 0


def test_curl_and_costs_are_shown():
    request = replace(DEFAULT, show=CURL)
    assert animation(request, run(request)).nbytes > 0
    table = costs(run(DEFAULT).learned)
    assert table["objective"] == ["DSM, σ = 0.2", "ISM, σ = 0.2", "SSM-VR, σ = 0.2", "KL, σ = 0.2"]
    assert table["tangents"] == ["0", "2", "1", "0"]
    assert all(text.endswith("%") for text in table["of E‖∇log p‖²"])


def test_bad_values_are_refused():
    with pytest.raises(ValueError, match="sigma must be a number from 0 to 2"):
        Request(sigma=-0.1)
    with pytest.raises(ValueError, match="steps must be a whole number from 50 to 4000"):
        Request(steps=10)
    with pytest.raises(ValueError, match="width must be a whole number from 16 to 128"):
        Request(width=1000)
    with pytest.raises(ValueError, match="first must be one of"):
        Request(first=NONE)
    assert targets.Request() == DEFAULT.target
    assert hard_edges.Request() == DEFAULT.edge
