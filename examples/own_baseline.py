"""A baseline of your own: the widths that planting found, trained from scratch with restarts."""

from torch import nn

from plantnas.baselines.methods import Method, Order


def make(order: Order) -> nn.Module:
    """A fresh network that is warmed up and cooled down twice (Loshchilov and Hutter 2017)."""
    network, trainer = order.fresh(order.target.widths), order.trainer
    trainer.train(network, trainer.budget.left // 2)
    trainer.train(network, trainer.budget.left)
    return network


restarts = Method("restarts-kd", make)
