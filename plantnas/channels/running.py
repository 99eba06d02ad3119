"""What a network costs that has no channel groups: counted as it runs.

Of networks with them, costs are arithmetic on their structure: costs/.
"""

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from plantnas.modules import copied


def macs_of(network: nn.Module, example: Tensor) -> int:
    """Multiply-accumulates of convolutions and matrix products, attention's too, for one image.

    Args:
        network: Left untouched.
        example: images x channels x height x width, or whatever it takes.
    """
    from torch.utils.flop_counter import FlopCounterMode  # imports a compiler, where one is there

    counter, fused = FlopCounterMode(display=False), torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # nothing counts what is in its operators
    try:
        with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counter:
            copied(network).eval()(example[:1])
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
    return counter.get_total_flops() // 2
