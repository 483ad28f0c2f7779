"""What the error costs: the end of a road for every number of evaluations."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import torch

from gmviz.experiments.roads import BUDGETS, BY_SPENT, EVALUATIONS, MOST, Road
from gmviz.experiments.walks import distance_to_goal

Through = Callable[[Callable[[Any], Any], Any], Any]  # computes function(subject), and may keep it

DEAREST = 1000  # evaluations up to which a whole curve is computed


@dataclass(frozen=True)
class Price:
    """Evaluations that were spent and the distance SW₁ to p they led to; +∞ for a run that broke."""

    evaluations: int
    distance: float


@dataclass(frozen=True)
class Priced:
    """A price with the road it was paid on, in words, and the terms under which it may be compared."""

    sampler: str
    terms: str
    price: Price


def price(road: Road) -> Price:
    """Where the road ends, without its frames."""
    film = road.built().run(
        road.model(), road.start_points(road.n, road.seed), torch.Generator().manual_seed(road.seed), 1
    )
    spent = int(film.evaluations[-1])
    return Price(spent, distance_to_goal(road.truth, film.final) if film.stopped is None else torch.inf)


def offers(road: Road) -> Iterator[Road]:
    """The same road for every number of evaluations that the sampler and the particles allow."""
    for evaluations in BUDGETS:
        if evaluations <= DEAREST and road.n * evaluations <= MOST:
            offer = replace(road, evaluations=evaluations, equal=EVALUATIONS, clock=BY_SPENT)
            with suppress(ValueError):  # too few evaluations for one step of the method
                offer.built()
                yield offer


def curve(roads: Sequence[Road], through: Through) -> Iterator[tuple[float, Priced]]:
    """The prices of all offers of some roads, one by one, with the share of the work that is done."""
    every = [offer for road in roads for offer in offers(road)]
    work = sum(offer.evaluations for offer in every)
    done = 0
    for offer in every:
        paid = through(price, offer)
        done += offer.evaluations
        yield done / work, Priced(offer.called, offer.terms, paid)
