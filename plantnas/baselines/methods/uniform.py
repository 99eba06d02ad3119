"""Networks that start from fresh weights, at the teacher's widths narrowed evenly."""

from torch import nn

from plantnas.baselines.methods import Method, Order
from plantnas.baselines.sizes import uniform_widths


def train_narrowed(order: Order) -> nn.Module:
    """A fresh network of the target's cost, with the trainer's whole budget spent.

    Raises:
        SizeNotReachable: No even narrowing has that cost.
    """
    prepared = order.prepared
    teacher = prepared.records.structure.with_widths(prepared.widest)
    widths = uniform_widths(teacher, order.target.cost, pricing=prepared.pricing)
    network = order.fresh(widths)
    order.trainer.train(network, order.trainer.budget.left)
    return network


METHODS = (
    Method("uniform", train_narrowed, distilled=False),
    Method("uniform-kd", train_narrowed, by_default=True),
)
