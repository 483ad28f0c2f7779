"""What the page of the samplers reads: known numbers, equal cost, one clock, and who recomputes when."""

import math
from dataclasses import replace

import pytest
import torch

from gmviz.experiments import codec, picker
from gmviz.experiments import samplers as page
from gmviz.experiments.judging import Perfect, judge, nulls, true_shares
from gmviz.experiments.laws import DATA, P7
from gmviz.experiments.prices import Price, curve, offers, price
from gmviz.experiments.roads import (
    BY_NOISE,
    EVALUATIONS,
    EXPLODING,
    KERNEL,
    METHOD_KNOBS,
    MODE,
    POINT,
    PRIOR,
    SHIFTED,
    STARTS,
    STEPS,
    Road,
    acting,
)
from gmviz.experiments.walks import NOISES, SPENT, Walk, class_shares, law_at, measured, null_mean, walk
from gmviz.figures import prices
from gmviz.figures import samplers as figure
from gmviz.knobs import Knob, controls_of
from gmviz.metrics import SlicedWasserstein
from gmviz.projections import directions, lines_of
from gmviz.samplers import (
    DDIM,
    MALA,
    SAMPLERS,
    AnnealedLangevin,
    Heun,
    Langevin,
    PredictorCorrector,
    ProbabilityFlow,
    ReverseSDE,
)
from gmviz.schedules import VP

DEFAULT = page.Request()
SMALL = replace(DEFAULT, n=300, evaluations=20)
NAMED = {sampler.name: sampler for sampler in SAMPLERS}
every_sampler = pytest.mark.parametrize("sampler", SAMPLERS, ids=NAMED)


def alone(sampler, **settings):
    """The result of one panel."""
    one = dict.fromkeys(page.PANELS, picker.NONE) | {"first": sampler}
    return page.run(replace(SMALL, **one | settings))


# ------------------------------------------------------------------ known numbers


def test_langevin_stays_and_the_others_arrive():
    """The poster: from one mode Langevin keeps all of it; reverse SDE and flow end within four nulls of p."""
    read = page.run(DEFAULT).at(100)
    assert read["a_0"] > 0.99
    assert read["a_times"] > 20
    assert max(read["c_times"], read["d_times"]) < 3
    for panel in "cd":
        for k, truth in enumerate((0.6, 0.3, 0.1)):
            assert read[f"{panel}_{k}"] == pytest.approx(truth, abs=4 * math.sqrt(truth * (1 - truth) / 2000))


def test_langevin_from_a_normal_start_keeps_wrong_weights():
    """h = .02 from N(0, I), 200 steps: modes (.421, .319, .261), SW₁ .369 (n = 20000)."""
    result = alone(Langevin(), start=SHIFTED, shift=0.0, evaluations=200, n=5000)
    read, sd = result.at(100), math.sqrt(0.25 * (1 / 5000 + 1 / 20000))
    assert [read["a_0"], read["a_1"], read["a_2"]] == pytest.approx([0.421, 0.319, 0.261], abs=4 * sd)
    assert read["a_distance"] == pytest.approx(0.369, abs=0.04)


@pytest.mark.slow
def test_the_scene_of_the_crossing():
    """.9439 of the mass is left in the first mode; annealing ends at .597, .302, .101 (n = 20000)."""
    scene = page.SCENES[0]
    read = page.run(scene.request).at(scene.at)
    sd = math.sqrt(0.9439 * 0.0561 * (1 / 2000 + 1 / 20000))
    assert read["a_0"] == pytest.approx(0.9439, abs=4 * sd)
    for k, known in enumerate((0.597, 0.302, 0.101)):
        sd = math.sqrt(known * (1 - known) * (1 / 2000 + 1 / 20000))
        assert read[f"b_{k}"] == pytest.approx(known, abs=4 * sd)


@pytest.mark.slow
def test_the_scene_of_the_wrong_prior():
    """From N(2, 1) the ODE keeps Φ(z* − 2) = .069 on the left, the SDE .693 (n = 20000)."""
    scene = page.SCENES[1]
    read = page.run(scene.request).at(scene.at)
    assert read["a_0"] == pytest.approx(0.693, abs=4 * math.sqrt(0.21 * (1 / 5000 + 1 / 20000)))
    assert read["b_0"] == pytest.approx(0.069, abs=4 * math.sqrt(0.064 / 5000))


@pytest.mark.parametrize("scene", page.SCENES[2:], ids=lambda scene: scene.id)
def test_the_other_scenes_hold_what_they_say(scene):
    read = page.run(scene.request).at(scene.at)
    if scene.id == "price":
        assert read["a_evaluations"] == read["b_evaluations"] == 20
        assert read["a_distance"] < 0.75 * read["b_distance"]
        steps = page.run(replace(scene.request, equal=STEPS)).at(scene.at)
        assert steps["b_evaluations"] == 2 * steps["a_evaluations"]
        assert steps["b_distance"] < 0.8 * steps["a_distance"]
    if scene.id == "leap":
        assert read["a_distance"] < 0.75 * read["b_distance"]
        even = replace(scene.request, grid=controls()["grid"].options[2])
        turned = page.run(even).at(scene.at)
        assert turned["b_distance"] < 0.75 * turned["a_distance"]
    if scene.id == "memory":
        typical = page.run(replace(scene.request, score=DEFAULT.score)).at(scene.at)["a_nearest"]
        assert max(read["a_nearest"], read["b_nearest"]) < 0.005 < typical / 10


@pytest.mark.parametrize("scene", page.SCENES, ids=lambda scene: scene.id)
def test_a_takeaway_reads_numbers_of_its_result(scene):
    numbers = page.run(replace(scene.request, evaluations=20, n=200)).at(scene.at)
    assert "{" not in scene.takeaway.format(**numbers)


# ------------------------------------------------------------------ cost and clock


def controls():
    return {each.name: control for each, control in controls_of(page.Request)}


@every_sampler
@pytest.mark.parametrize("evaluations", [20, 100])
def test_equal_cost(sampler, evaluations):
    """No sampler spends more than the budget, and none leaves more than one step's worth of it."""
    road = Road.of(replace(SMALL, evaluations=evaluations), sampler)
    spent = int(walk(road).evaluations[-1])
    if isinstance(sampler, ProbabilityFlow):
        assert spent > 0
    else:
        dearest = max(2, road.inner if isinstance(sampler, AnnealedLangevin) else 2)
        levels = 6 if isinstance(sampler, AnnealedLangevin) and evaluations == 20 else 33
        slack = levels if isinstance(sampler, AnnealedLangevin) else dearest
        assert evaluations - slack < spent <= evaluations


@every_sampler
def test_equal_steps(sampler):
    """20 transitions cost 20 times what one costs (one fewer where the last one lands on σ = 0)."""
    built = Road.of(replace(SMALL, equal=STEPS, evaluations=20), sampler).built()
    if isinstance(built, ProbabilityFlow):
        assert built.tolerance == sampler.tolerance
    elif isinstance(built, AnnealedLangevin):
        assert built.levels * built.inner == pytest.approx(20, abs=built.inner)
    else:
        assert len(built.times()) - 1 in (19, 20)


@every_sampler
def test_a_frame_shows_the_last_state_that_was_paid_for(sampler):
    road = Road.of(SMALL, sampler)
    film = road.built().run(
        road.model(), road.start_points(road.n, road.seed), torch.Generator().manual_seed(road.seed)
    )
    shown = walk(road)
    for share, spent, x in zip(SPENT.tolist(), shown.evaluations.tolist(), shown.states, strict=True):
        allowed = film.evaluations[film.evaluations <= share * shown.total + 1e-9]
        assert spent == (allowed.max().item() if len(allowed) else film.evaluations[0].item())
        assert any(torch.equal(x, state) for state in film.states[film.evaluations == spent])
    assert torch.equal(shown.final, film.final)


def test_noise_as_the_clock():
    """At every tick each sampler stands at the last of its levels that is no lower."""
    request = replace(SMALL, first=AnnealedLangevin(), clock=BY_NOISE, evaluations=200)
    for each in page.run(request).walks:
        levels = each.sigmas / each.alphas
        assert (levels.diff() <= 1e-12).all()
        assert (levels >= NOISES * (1 - 1e-6))[levels > NOISES.min()].all()
        assert levels[-1] < 2 * NOISES[-1]


# ------------------------------------------------------------------ who recomputes when


@every_sampler
@pytest.mark.parametrize("name", METHOD_KNOBS)
def test_a_knob_changes_the_roads_on_which_it_acts_and_no_other(name, sampler):
    control = controls()[name]
    value = control.maximum if isinstance(control, Knob) else control.options[-1]
    before, after = (Road.of(each, sampler) for each in (DEFAULT, replace(DEFAULT, **{name: value})))
    assert (before == after) == (name not in acting(sampler))
    if name not in acting(sampler):
        forced = replace(before, **{name: value})
        assert forced.built() == before.built()
    elif name != "grid":  # for one method the last grid is its own
        assert before.built() != after.built()


def test_changing_a_panel_walks_one_road():
    kept, walked = {}, []

    def through(function, subject):
        key = codec.key(function, getattr(subject, "request", subject))
        if key not in kept:
            kept[key] = function(subject)
            walked.append(function.__name__)
        return kept[key]

    page.run(SMALL, through)
    assert walked.count("walk") == walked.count("measured") == 4
    walked.clear()
    page.run(replace(SMALL, fourth=DDIM()), through)
    assert walked == ["walk", "measured"]
    walked.clear()
    page.run(replace(SMALL, fourth=DDIM(), eta=0.5), through)
    assert walked == ["walk", "measured"]
    walked.clear()
    for still in (
        {"track": page.SHARE},
        {"colour": page.DENSITY},
        {"arrows": page.SHOWN},
        {"trail": 5},
        {"churn": 9.0},
    ):
        page.run(replace(SMALL, fourth=DDIM(), eta=0.5, **still), through)
    assert walked == []


# ------------------------------------------------------------------ starts


def test_all_samplers_start_from_the_same_draws():
    settings = replace(SMALL, start=PRIOR)
    vp = Road.of(settings, ReverseSDE()).start_points(50, 3)
    ve = Road.of(replace(settings, schedule=EXPLODING), ReverseSDE()).start_points(50, 3)
    assert torch.allclose(ve, 20 * vp)
    assert torch.equal(vp, Road.of(settings, Heun()).start_points(50, 3))


@pytest.mark.parametrize("start", STARTS, ids=lambda start: start.name)
@pytest.mark.parametrize("sampler", [Langevin(), ReverseSDE()], ids=["langevin", "reverse"])
def test_starts_have_the_moments_they_claim(start, sampler):
    n = 20000
    x = Road.of(replace(SMALL, start=start, shift=1.5), sampler).start_points(n, 0)
    matched = VP().matched_prior(P7.density)
    mode = ([-2.0, 0.0], 0.16)
    prior = {"prior": ([0.0, 0.0], 1.0), "matched": (matched.means[0].tolist(), None)}
    known = {"mode": mode, "point": (mode[0], 0.0), "shifted": ([1.5, 0.0], 1.0)}
    known |= prior if isinstance(sampler, ReverseSDE) else dict.fromkeys(prior, mode)
    mean, variance = known[start.name]
    assert x.mean(0).tolist() == pytest.approx(mean, abs=5 / math.sqrt(n) + 1e-12)
    exact = matched.covariances[0] if variance is None else variance * torch.eye(2, dtype=torch.float64)
    assert torch.allclose(x.mT.cov(), exact, atol=5 * math.sqrt(2 / n))


# ------------------------------------------------------------------ what is measured on the way


def perfect_walk(n=4000):
    """A walk whose states are exact samples of p_t, independent at every tick."""
    film = walk(Road.of(replace(SMALL, schedule=EXPLODING), ReverseSDE()))
    law = law_at(P7.density, film.alphas, film.sigmas)
    return replace(film, states=law.sample(n, torch.Generator().manual_seed(5)))


def test_a_perfect_sampler_reads_one_and_the_true_shares():
    """Its distance over the null averages 1 (readings vary by 40 %), and E_{p_t}[g_k] = w_k at any t."""
    way = measured(perfect_walk())
    ticks = len(way.to_road)
    assert way.to_road.mean().item() == pytest.approx(1.0, abs=5 * 0.4 / math.sqrt(ticks))
    assert way.classes.mean(0).tolist() == pytest.approx(
        [0.6, 0.3, 0.1], abs=5 * 0.5 / math.sqrt(4000 * ticks)
    )
    error = way.spread / way.exact_spread - 1
    assert error.abs().max() < 5 * math.sqrt(2 / 4000)


@pytest.mark.parametrize("data", ["p7", "rings", "checkerboard"])
def test_the_null_is_what_perfect_samples_read(data):
    data = next(each for each in DATA if each.name == data)
    density, n = data.density, 2000
    null = SlicedWasserstein(count=16, nodes=512).null(density, n, torch.Generator().manual_seed(1))
    predicted = null_mean(lines_of(density, directions(2, 16), 512), n)
    assert predicted == pytest.approx(null.mean, abs=5 * null.sd / math.sqrt(20))


def test_variance_is_preserved_only_if_it_was_one():
    """tr Cov(x_t) on VP: 2.0001 at t = 1, 4.3325 for the data; on VE 800 + 4.3325 at the start."""
    result = page.run(replace(SMALL, first=ReverseSDE(), second=Heun()))
    assert result.ways[0].exact_spread[0].item() == pytest.approx(2.0001, abs=1e-4)
    assert result.ways[1].exact_spread[-1].item() == pytest.approx(4.3325, abs=1e-4)
    exploding = page.run(replace(SMALL, first=ReverseSDE(), schedule=EXPLODING))
    assert exploding.ways[0].exact_spread[0].item() == pytest.approx(804.3325, abs=1e-4)


# ------------------------------------------------------------------ verdicts and prices


@pytest.mark.slow
def test_a_verdict_beside_its_null():
    """20000 samples of the reverse SDE read what perfect ones do; Langevin in one mode misses 40 %."""
    result = page.run(replace(DEFAULT, third=ReverseSDE(), second=picker.NONE))
    langevin, sde, flow = result.verdicts
    null = result.nulls(sde.n)
    assert sde.n == 20000
    for place in (0, 1):
        assert sde.values[place] < null.values[place].mean + 5 * null.values[place].sd
        assert langevin.values[place] > 20 * null.values[place].mean
    assert langevin.off == pytest.approx(0.4, abs=0.01)
    assert langevin.covered == pytest.approx(1 / 3)
    assert flow.covered == 1.0
    assert null.values[0].mean == pytest.approx(0.011, abs=0.004)  # .006 … .018 over ten seeds


@pytest.mark.slow
def test_a_verdict_costs_no_more_than_it_may():
    assert judge(walk(Road.of(replace(SMALL, evaluations=1000), ReverseSDE()))).n == 2000


@pytest.mark.parametrize("data", DATA, ids=lambda data: data.name)
def test_classes_of_every_law(data):
    """Exact samples have the true share of every class, and a class share is a probability."""
    n = 4000
    shares = class_shares(data, data.density.sample(n, torch.Generator().manual_seed(2)), 1.0, 0.0)
    assert torch.allclose(shares.sum(-1), torch.ones(n, dtype=torch.float64))
    true = true_shares(data)
    assert true.sum().item() == pytest.approx(1.0)
    assert (shares.mean(0) - true).abs().max() < 5 * 0.5 / math.sqrt(n)


def test_nulls_shrink_as_they_should():
    few, many = (nulls(Perfect(P7, n)) for n in (500, 8000))
    assert few.values[0].mean / many.values[0].mean == pytest.approx(4.0, rel=0.4)
    assert few.values[1].mean / many.values[1].mean == pytest.approx(16.0, rel=0.7)


def test_a_price_is_where_the_walk_ended():
    road = Road.of(SMALL, Heun(churn=0.0))
    paid, shown = price(road), walk(road)
    assert paid.evaluations == shown.evaluations[-1]
    assert paid.distance == pytest.approx(measured(shown).to_goal[-1].item(), abs=1e-12)


def test_a_curve_offers_what_can_be_bought():
    road = Road.of(replace(SMALL, corrections=5), PredictorCorrector())
    assert [offer.evaluations for offer in offers(road)] == [20, 50, 100, 200, 500, 1000]
    roads = [Road.of(SMALL, sampler) for sampler in (Heun(), DDIM())]
    shares, priced = zip(*curve(roads, lambda _, offer: Price(offer.evaluations, 0.1)), strict=True)
    assert shares[-1] == 1.0
    assert len(priced) == 14
    assert {each.sampler for each in priced} == {"flow by Heun", "DDIM"}


def test_only_comparable_prices_are_compared():
    here, there = page.run(SMALL), page.run(replace(SMALL, start=MODE))
    turned = page.run(replace(SMALL, churn=10.0))
    table = prices.table([*here.prices(), *there.prices(), *turned.prices()], here)
    assert len(table) == 5
    assert "flow by Heun, churn = 10.0" in table["sampler"].tolist()
    assert prices.chart(table).to_dict()["layer"]


# ------------------------------------------------------------------ faults


def test_a_step_too_large_ends_in_a_sentence_with_a_remedy():
    result = alone(Langevin(), step=3.0, evaluations=100, start=SHIFTED)
    (stopped,) = (each.stopped for each in result.walks)
    (sentence,) = result.faults()
    assert stopped.remedy.step_size < 2 * 0.16
    assert "too large" in sentence
    assert "the slider at 1.5" in sentence
    assert stopped.remedy.setting in sentence
    shown = result.walks[0]
    assert shown.states.isfinite().all()
    assert shown.evaluations[-1] < 100
    assert "stopped" in figure.animation(result).panels[0].subtitle
    assert result.prices()[0].price.distance == math.inf


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        (dict.fromkeys(page.PANELS, picker.NONE), "sampler"),
        ({"clock": BY_NOISE}, "clock"),
        ({"n": 5000, "evaluations": 5000}, "n must be at most 2000"),
        ({"n": 0}, "n must be"),
        ({"evaluations": 77}, "evaluations must be"),
        ({"eta": 1.5}, "eta must be"),
    ],
)
def test_what_cannot_be_asked(settings, word):
    with pytest.raises(ValueError, match=word):
        replace(DEFAULT, **settings)


# ------------------------------------------------------------------ every knob, every law


@pytest.mark.parametrize("end", ["minimum", "maximum"])
@every_sampler
def test_every_knob_at_both_ends(sampler, end):
    ends = {name: getattr(knob, end) for name, knob in controls().items() if isinstance(knob, Knob)}
    result = alone(sampler, **ends | {"n": 100, "evaluations": 20, "score": KERNEL, "start": SHIFTED})
    assert result.walks[0].states.isfinite().all()
    assert result.ways[0].to_goal.isfinite().all()
    assert figure.animation(result).nbytes > 0


@pytest.mark.parametrize("name", ["gaussian", "grid", "rings", "checkerboard", "two-modes"])
def test_a_law_of_every_kind_in_four_panels(name):
    data = next(each for each in DATA if each.name == name)
    request = replace(SMALL, data=data, n=100, arrows=page.SHOWN, colour=page.DENSITY, first=MALA())
    result = page.run(request)
    assert not list(result.faults())
    assert all(way.to_road.isfinite().all() for way in result.ways)
    assert figure.animation(result).nbytes > 0


def test_a_request_and_a_road_are_read_back_from_their_text():
    request = replace(SMALL, fourth=NAMED["mala"], schedule=EXPLODING, start=POINT, equal=EVALUATIONS)
    assert codec.decode(page.Request, codec.encode(request)) == request
    for road in request.roads:
        assert codec.decode(Road, codec.encode(road)) == road


def test_the_picker_never_hides_what_is_picked():
    assert picker.offered(picker.FEW, [Langevin(), picker.NONE]) == picker.COMMON
    assert picker.offered(picker.FEW, [Langevin(), MALA()]) == picker.PICKS
    rows = picker.folded([Langevin(), picker.NONE], PRIOR, DEFAULT.score)
    names = {name for row in rows for name in row}
    assert "step" in names
    assert not names & {"eta", "churn", "shift", "points", "schedule", "clock"}


# ------------------------------------------------------------------ the picture


def test_the_plane_is_drawn_at_the_scale_of_the_data():
    """Perfect samples at any noise have the data's mean and variance per axis on the picture."""
    plane = figure.Plane.of(DEFAULT)
    film: Walk = perfect_walk(n=8000)
    for x, level in list(zip(film.states, film.levels, strict=True))[::10]:
        y = plane.shown(x, *level)
        assert torch.allclose(plane.behind(y, *level), x, atol=1e-9)
        assert torch.allclose(y.mean(0), P7.density.mean(), atol=0.12)
        assert y.var(0).mean().item() == pytest.approx(4.3325 / 2, rel=0.06)


def test_the_picture_stays_within_its_budget():
    picture = figure.animation(page.run(DEFAULT))
    assert picture.nbytes <= 2 * 2**20
    assert [panel.title for panel in picture.panels] == [each.label for each in DEFAULT.samplers]
    assert len(picture.tracks) == 5
