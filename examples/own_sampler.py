"""A sampler of your own: it leaves most channel groups as they are."""

from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import RandomSampler
from optuna.trial import FrozenTrial

import plantnas


class Sparse(RandomSampler):
    """Plants nothing in a share of the groups, and any number of channels in the others."""

    def __init__(self, seed: int, share: float = 0.5) -> None:
        super().__init__(seed)
        self.share, self.generator = share, np.random.default_rng(seed)

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """The new channels of the group that has the parameter's name."""
        drawn = super().sample_independent(study, trial, param_name, param_distribution)
        return 0 if self.generator.random() < self.share else drawn


if __name__ == "__main__":
    config = plantnas.load_study("own_sampler.yaml")
    study = plantnas.open_study(config, "sqlite:///own_sampler.db")
    study.optimize(plantnas.PlantingObjective(config))
    for trial in study.trials[:3]:
        print(f"trial {trial.number} plants {trial.params}")
