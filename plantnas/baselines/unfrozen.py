"""A planted network whose last step trains everything: what freezing costs at its size.

It breaks the rule of planting, and with it the nesting: the earlier networks are no crops of it.
"""

from collections.abc import Sequence

from torch import nn

from plantnas.baselines.budget import Trainer
from plantnas.records.record import NetworkRecord
from plantnas.report.front import lineage
from plantnas.search.objective import planted_child
from plantnas.search.prepared import PreparedStudy


def train_unfrozen(
    study: PreparedStudy, networks: Sequence[NetworkRecord], target: NetworkRecord, trainer: Trainer
) -> nn.Module:
    """The target's parent with the target's planting, trained whole for what the budget has left.

    Args:
        study: Whose.
        networks: All of it.
        target: A planted network.
        trainer: Has the epochs of the target's lineage; those of its ancestors are spent first.
    """
    *ancestors, parent = lineage(networks, target)[:-1]
    trainer.inherit([*ancestors, parent])
    child = planted_child(study, study.parent(parent.trial_number), target.planted)
    trainer.train(child.network, trainer.budget.left)
    return child.network
