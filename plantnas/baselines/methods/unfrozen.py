"""A planted network whose last step trains everything: what freezing costs at its size.

It breaks the rule of planting, and with it the nesting: the earlier networks are no crops of it.
"""

from torch import nn

from plantnas.baselines.methods import Method, Order
from plantnas.baselines.sizes import SizeNotReachable
from plantnas.report.front import lineage
from plantnas.searching.children import planted_child


def train_unfrozen(order: Order) -> nn.Module:
    """The target's parent with the target's planting, trained whole for what the budget has left.

    The budget has the epochs of the target's lineage; those of its ancestors are spent first.

    Raises:
        SizeNotReachable: The target is the seed, in which nothing was frozen.
    """
    prepared, trainer = order.prepared, order.trainer
    if not order.target.planted:
        raise SizeNotReachable("nothing is frozen in the seed: it is what this would make.")
    *ancestors, parent = lineage(order.networks, order.target)[:-1]
    trainer.inherit([*ancestors, parent])
    child = planted_child(prepared, prepared.parent(parent.trial_number), order.target.planted)
    trainer.train(child.network, trainer.budget.left)
    return child.network


METHODS = (Method("unfrozen-kd", train_unfrozen, by_default=True),)
