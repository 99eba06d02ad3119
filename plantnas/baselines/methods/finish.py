"""The widths of a planted network from the teacher's closed form, with nothing frozen."""

from torch import nn

from plantnas.baselines.methods import Method, Order
from plantnas.channels.shrinking import shrunk
from plantnas.config import Recipe
from plantnas.measured import Epoch
from plantnas.report.front import FINISH
from plantnas.search.prepared import PreparedStudy


def train_finished(order: Order) -> nn.Module:
    """The shrunk teacher at the target's widths, with the trainer's whole budget spent.

    What it was before its training is a line of its history, numbered 0.
    """
    prepared, trainer = order.prepared, order.trainer
    with trainer.phases("start"):
        network = shrunk(prepared.sampled_donor, order.target.widths)
    trainer.epochs.append(before_training(prepared, network, trainer.recipe))
    trainer.train(network, trainer.budget.left)
    return network


def before_training(prepared: PreparedStudy, network: nn.Module, recipe: Recipe) -> Epoch:
    """What a network is before it is trained, beside the peak of the schedule that follows."""
    start = prepared.validate(network)
    return Epoch(0, recipe.peak, float("nan"), start.loss, start.accuracy, seconds=0.0)


METHODS = (Method(FINISH, train_finished, from_teacher=True, kind=FINISH),)
