"""Networks that start from fresh weights: at widths that were found, or at evenly narrowed ones."""

from torch import nn

from plantnas.baselines.budget import Trainer
from plantnas.baselines.methods import Method
from plantnas.baselines.sizes import Widths, uniform_widths
from plantnas.channels.groups import analyse
from plantnas.records.record import NetworkRecord
from plantnas.search.prepared import PreparedStudy


def train_from_scratch(
    method: Method, study: PreparedStudy, target: NetworkRecord, trainer: Trainer, seed: int
) -> nn.Module:
    """A fresh network of the target's size, with the trainer's whole budget spent.

    Raises:
        SizeNotReachable: No even narrowing has that size.
    """
    widths = target.widths
    if method.kind == "uniform widths":
        widths = evenly_narrowed(study, target.parameters)
    network = fresh(study, widths, seed)
    trainer.train(network, trainer.budget.left)
    return network


def evenly_narrowed(study: PreparedStudy, parameters: int) -> Widths:
    """The teacher's widths, narrowed evenly to a number of parameters.

    Raises:
        SizeNotReachable: No even narrowing has that size.
    """
    teacher = fresh(study, study.teacher.widths, 0)
    return uniform_widths(analyse(teacher, study.example), parameters)


def fresh(study: PreparedStudy, widths: Widths, seed: int) -> nn.Module:
    """The study's architecture at some widths, with weights that the seed draws."""
    return study.records.build(widths, seed).to(study.device)
