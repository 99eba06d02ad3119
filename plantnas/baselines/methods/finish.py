"""The widths of a planted network from the teacher's closed form, with nothing frozen."""

from torch import nn

from plantnas.baselines.methods import Method, Order
from plantnas.channels.shrinking import shrunk
from plantnas.report.front import FINISH
from plantnas.training.fitting import before_training


def train_finished(order: Order) -> nn.Module:
    """The shrunk teacher at the target's widths, with the trainer's whole budget spent.

    What it was before its training is a line of its history, numbered 0.
    """
    prepared, trainer = order.prepared, order.trainer
    with trainer.phases("start"):
        network = shrunk(prepared.sampled_donor, order.target.widths)
    trainer.epochs.append(before_training(network, prepared.data, trainer.recipe.peak))
    trainer.train(network, trainer.budget.left)
    return network


METHODS = (Method(FINISH, train_finished, from_teacher=True, kind=FINISH),)
