"""Which samplers and which knobs the page offers, given what is picked."""

from collections.abc import Sequence

from gmviz.experiments.roads import KERNEL, LEARNED, METHOD_KNOBS, SHIFTED, acting
from gmviz.knobs import Option
from gmviz.samplers import MALA, SAMPLERS, Langevin, Sampler

NONE = Option("none", "–")
PICKS: tuple[Sampler | Option, ...] = (*SAMPLERS, NONE)
COMMON: tuple[Sampler | Option, ...] = (
    *SAMPLERS[:6],
    NONE,
)  # the picker's first choice; the rest are asked for
FEW, ALL = Option("few", "Six common ones"), Option("all", "All twelve")


def offered(kind: Option, picked: Sequence[Sampler | Option]) -> tuple[Sampler | Option, ...]:
    """The samplers a picker shows: all if asked for, or if one of the rest is already picked."""
    return COMMON if kind is FEW and all(each in COMMON for each in picked) else PICKS


def folded(picked: Sequence[Sampler | Option], start: Option, score: Option) -> tuple[tuple[str, ...], ...]:
    """The rows of further controls, without those that act on no panel."""
    samplers = [each for each in picked if isinstance(each, Sampler)]
    knobs = [name for name in METHOD_KNOBS if any(name in acting(each) for each in samplers)]
    if start is SHIFTED:
        knobs.append("shift")
    knobs += {KERNEL: ["points", "bandwidth"], LEARNED: ["taught", "points", "matching", "weighting"]}.get(
        score, []
    )
    clock = () if any(isinstance(each, (Langevin, MALA)) for each in samplers) else ("clock",)
    count = -(-len(knobs) // 4)  # rows of nearly equal length
    rows = [tuple(knobs[row * len(knobs) // count : (row + 1) * len(knobs) // count]) for row in range(count)]
    return (("track", "colour", "arrows", "trail"), *rows, ("equal", "offered", *clock), ("n", "seed"))
