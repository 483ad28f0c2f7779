"""Make the fits that come with the package, so that a first picture needs no training.

Run it after anything that changes what a fit is: `python -m gmviz.experiments.defaults`.
"""

import json
import os
import tempfile

import torch

from gmviz.experiments import learned
from gmviz.experiments.courses import ship, whole
from gmviz.experiments.objective_scenes import SHIPPED
from gmviz.runtime.places import DEFAULTS, VARIABLE


def main() -> None:
    """Fit every request of `SHIPPED` afresh and write it beside an index in plain text."""
    torch.set_num_threads(1)  # two beside any busy process are many times slower
    for old in DEFAULTS.glob("*.safetensors"):
        old.unlink()
    index: dict[str, dict[str, object]] = {}
    trainings = dict.fromkeys(each for request in SHIPPED for each in request.trainings)
    for training in trainings:
        course = whole(training)
        name = ship(training, course)
        error, seconds = float(course.relative[-1]), float(course.seconds[-1])
        index[name] = {
            "data": training.data.name,
            "sigma": training.sigma,
            "objective": training.objective.name,
            "relative error": round(error, 5),
            "seconds": round(seconds, 2),
        }
        print(f"{name}  {training.data.name}  {training.objective.label}  {error:.2%}  {seconds:.1f} s")
    for lesson in learned.SHIPPED:
        name, note = learned.ship(lesson)
        index[name] = note
        print(f"{name}  {lesson.data.name}  {lesson.matching.label}  {note['relative error']}")
    (DEFAULTS / "index.json").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as empty:
        os.environ[VARIABLE] = empty
        main()
