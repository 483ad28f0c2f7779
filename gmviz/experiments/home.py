"""Two ways to compare distributions: the pair of far modes, seen once from the door."""

from gmviz.experiments.divergences import SCENES, Request, Result, run

__all__ = ["AT", "Request", "Result", "numbers", "run"]

AT = SCENES[0].at


def numbers(result: Result) -> dict[str, str]:
    """What the first sentence of the app says, read off the result."""
    read = result.at(AT)
    misplaced = abs(result.request.weight_p - result.request.weight_q)
    return {
        "kl": f"{read['kl']:.2f}",
        "fisher": f"{read['fisher']:.4f}",
        "misplaced": f"{100 * misplaced:.0f} %",
        "separation": f"{AT:g}",
    }
