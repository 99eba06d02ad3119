"""A winner rule of your own: what a network is worth, less a price for its size."""

from collections import Counter
from math import log2

import plantnas
from plantnas.hypervolume import Point, worst_corner
from plantnas.trials.winners import Comparison

PRICE = 0.02
"""Accuracy that a network of twice the size must have more."""


def frugal(candidate: Point, comparison: Comparison) -> float:
    """The accuracy on validation, less a price for each doubling of the parent's size."""
    return candidate.accuracy - PRICE * log2(candidate.cost / comparison.parent.cost)


if __name__ == "__main__":
    config = plantnas.load_study("own_winner.yaml")
    study = plantnas.open_study(config, "sqlite:///own_winner.db")
    study.optimize(plantnas.PlantingObjective(config))
    kinds = Counter(trial.user_attrs.get("kind") for trial in study.trials)
    print(f"screened: {kinds['screen']}, of which {config.search.winner} grew {kinds['grow']}")
    parent = Point(accuracy=0.5, cost=1000)
    comparison = Comparison(parent, [parent], worst_corner([parent]))
    for point in (Point(0.60, 2000), Point(0.61, 4000)):
        print(f"{point}: worth {frugal(point, comparison):.2f}")
