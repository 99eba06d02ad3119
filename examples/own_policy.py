"""A policy of your own: greedy, until a grown network is good enough."""

from dataclasses import dataclass

import plantnas
from plantnas.trials.history import Assignment, History, Reference, grown_points
from plantnas.trials.policies import Greedy


@dataclass(frozen=True, kw_only=True)
class UntilGoodEnough(Greedy):
    """Greedy, until a grown network reaches an accuracy on validation."""

    accuracy: float = 0.4

    def assign(self, history: History, reference: Reference) -> Assignment | None:
        """The next trial's assignment; None if there is nothing left to start."""
        grown = grown_points(history, Reference(), step=None).values()
        if any(point.accuracy >= self.accuracy for point in grown):
            return None
        return super().assign(history, reference)


if __name__ == "__main__":
    config = plantnas.load_study("own_policy.yaml")
    study = plantnas.open_study(config, "sqlite:///own_policy.db")
    study.optimize(plantnas.PlantingObjective(config))
    for trial in study.trials:
        print(f"trial {trial.number}: {trial.user_attrs.get('kind', 'nothing is left to do')}")
