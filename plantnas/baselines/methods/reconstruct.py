"""Channel pruning of the teacher that starts from its least-squares reconstruction.

The widths are those of uniform.py. Each group keeps the teacher's largest channels, and each layer
is fitted to the teacher's own layer: He, Zhang and Sun, "Channel Pruning for Accelerating Very Deep
Neural Networks", ICCV 2017, arXiv 1707.06168 (their lasso chooses the channels, here their size
does). Then everything is trained, which they call fine-tuning.
"""

from torch import nn

from plantnas.baselines.methods import Method, Order
from plantnas.baselines.sizes import uniform_widths
from plantnas.channels.shrinking import shrunk


def train_reconstructed(order: Order) -> nn.Module:
    """The shrunk teacher at the target's cost, with the trainer's whole budget spent.

    Raises:
        SizeNotReachable: No even narrowing has that cost.
    """
    prepared, trainer = order.prepared, order.trainer
    donor = prepared.sampled_donor
    widths = uniform_widths(donor.structure, order.target.cost, pricing=prepared.pricing)
    with trainer.phases("reconstruction"):
        network = shrunk(donor, widths)
    trainer.train(network, trainer.budget.left)
    return network


METHODS = (Method("reconstruct-kd", train_reconstructed, from_teacher=True, by_default=True),)
