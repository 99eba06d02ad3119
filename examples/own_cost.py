"""A cost of your own: all channels together, a stand-in for the memory of activations."""

from collections.abc import Mapping

import plantnas
from plantnas.channels.structure import Structure


def channels(structure: Structure, widths: Mapping[str, int]) -> float:
    """The channels of all groups, where those in `widths` have other widths than they have now."""
    return sum(structure.widths_with(widths).values())


if __name__ == "__main__":
    config = plantnas.load_study("own_cost.yaml")
    study = plantnas.open_study(config, "sqlite:///own_cost.db")
    study.optimize(plantnas.PlantingObjective(config))
    print(f"the objectives are {study.metric_names}")
    for trial in study.trials[:2]:
        print(f"trial {trial.number} has {trial.values[1]:.0f} channels with {trial.params}")
