"""The first page: from a change to its picture, and a rerun that finds its result.

A change of a control sweeps the pair (41 values, three maps of 73 × 97 nodes, all numbers) and packs the
animation; the alternative sweeps value by value. A rerun that finds its result is compared with a rerun in
which nothing changed at all; both run the whole page in process.
"""

from dataclasses import replace
from pathlib import Path

import torch
from streamlit.testing.v1 import AppTest

from benchmarks._timing import alternated, told
from gmviz.divergences import LogRatio, measure
from gmviz.experiments import divergences as page
from gmviz.experiments.presets import SHIFTS
from gmviz.experiments.window import Window
from gmviz.figures import divergences as figure
from gmviz.quadrature import Grid

APP = Path(__file__).resolve().parents[1] / "app.py"
DEFAULT = page.Request()


def main() -> None:
    """Print both ratios."""
    torch.set_num_threads(1)
    weights = iter(range(10_000))

    def changed() -> page.Request:
        return replace(DEFAULT, weight_p=round(0.5 + 1e-5 * next(weights), 5))

    def batched() -> None:
        figure.maps(page.run(changed()))

    def value_by_value() -> None:
        """The same maps and numbers from one pair of densities per value."""
        request = changed()
        window = Window.around(*request.pair.named(), reach=5.0)
        for value in request.moves.values.tolist():
            settings = dict.fromkeys(("rotation", "noise", *SHIFTS), 0.0) | {
                "width": 1.0,
                "separation": value,
            }
            settings |= {"weight_p": request.weight_p, "weight_q": request.weight_q}
            row = {name: torch.tensor([each], dtype=torch.float64) for name, each in settings.items()}
            p, q = request.pair.densities(row)
            LogRatio.of(p.to(torch.float32), q.to(torch.float32), window.nodes.float())
            grid = Grid.covering(p, q, reach=page.BOX, comfortable=page.QUADRATURE_NODES)
            measure(p, q, tuple(page.NUMBERS.values()), grid)

    print(
        told(
            "a loop over 41 values / one batched sweep with its picture", alternated(value_by_value, batched)
        )
    )

    app = AppTest.from_file(str(APP), default_timeout=60).run()
    app.switch_page("pages/divergences.py").run()
    slider = "divergences_weight_p"
    places = iter((0.8, 0.81) * 100)
    for place in (0.81, 0.8):
        app.slider(key=slider).set_value(place).run()

    def found() -> None:
        app.slider(key=slider).set_value(next(places)).run()

    def unchanged() -> None:
        app.run()

    print(told("a rerun that finds its result / a rerun without any change", alternated(found, unchanged)))
