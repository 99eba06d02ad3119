"""Networks that start from fresh weights, at the widths that planting found."""

from torch import nn

from plantnas.baselines.methods import Method, Order


def train_from_scratch(order: Order) -> nn.Module:
    """A fresh network of the target's widths, with the trainer's whole budget spent."""
    network = order.fresh(order.target.widths)
    order.trainer.train(network, order.trainer.budget.left)
    return network


METHODS = (
    Method("scratch", train_from_scratch, distilled=False, by_default=True),
    Method("scratch-kd", train_from_scratch, by_default=True),
)
