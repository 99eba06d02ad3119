"""Two ways to train that plantnas does not take: compiled, and several candidates at once.

A child of a middle size (a quarter of the teacher's widths and a quarter more) is trained for some
batches of 64 Fashion-MNIST-sized images, forward and backward of the whole network in the precision
of a study's trainings: as it is; compiled by `torch.compile`; and four of them at once by
`torch.func.vmap` over their stacked weights, as several candidates of one parent could be if they
had equal widths. Planting makes a network of other shapes in each trial, so that each is compiled
anew; the last column says after how many epochs of 10 000 images that is paid for.

Usage: python benchmarks/compiled_or_together.py [--networks plain resnet20] [--batches 30]
"""

import argparse
import copy
import math
import platform
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.func import functional_call, replace_all_batch_norm_modules_, stack_module_state, vmap

from plantnas.channels.groups import analyse
from plantnas.config import SearchSpace
from plantnas.records.loading import example_images, network_at
from plantnas.training.precision import mixed_precision

SPACES = {
    "plain": SearchSpace(architecture="plain"),
    "resnet20": SearchSpace(architecture="resnet20", arguments={"width": 32}),
}
SHAPE = {"num_classes": 10, "channels": 1, "height": 28, "width": 28}
WIDTH = 1.25 / 4
"""Of the teacher's."""
TOGETHER = 4
BATCH, IMAGES = 64, 10_000


def child_of(network: str) -> nn.Module:
    """The network, untrained: its cost is all that counts."""
    teacher = network_at(SPACES[network], SHAPE, {})
    groups = analyse(teacher, example_images(SHAPE)).growable
    widths = {name: round(WIDTH * group.width) for name, group in groups.items()}
    return network_at(SPACES[network], SHAPE, widths).train()


def step_of(forward: Callable[[Tensor], Tensor], images: Tensor) -> Callable[[], None]:
    """Forward and backward of a batch; gradients add up, as nobody reads them."""

    def step() -> None:
        with mixed_precision("auto", images.device):
            logits = forward(images)
        logits.float().square().mean().backward()  # type: ignore[no-untyped-call]

    return step


def together(network: str) -> Callable[[Tensor], Tensor]:
    """The forward of several networks of equal widths on the same images."""
    networks = [copy.deepcopy(child_of(network)) for _ in range(TOGETHER)]
    for each in networks:
        replace_all_batch_norm_modules_(each)  # running statistics cannot be updated under vmap
    parameters, buffers = stack_module_state(networks)
    one = networks[0]

    def forward(
        parameters: dict[str, Tensor], buffers: dict[str, Tensor], images: Tensor
    ) -> Tensor:
        logits: Tensor = functional_call(one, (parameters, buffers), (images,))
        return logits

    every = vmap(forward, in_dims=(0, 0, None))
    return lambda images: every(parameters, buffers, images)


def seconds_of(step: Callable[[], None], batches: int) -> tuple[float, float]:
    """Of the first call, and the median of the others."""
    times = []
    for _ in range(batches + 1):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return times[0], statistics.median(times[1:])


def measure(network: str, batches: int) -> None:
    """Prints the rows of a network."""
    images = torch.randn(BATCH, 1, SHAPE["height"], SHAPE["width"])
    images = images.to(memory_format=torch.channels_last)
    plain = child_of(network).to(memory_format=torch.channels_last)
    _, eager = seconds_of(step_of(plain, images), batches)
    compiling, compiled = seconds_of(step_of(torch.compile(plain), images), batches)
    _, at_once = seconds_of(step_of(together(network), images), batches)
    saved = (eager - compiled) * IMAGES / BATCH
    paid = f"{math.ceil(compiling / saved)} epochs" if saved > 0 else "never"
    print(f"{network:10} as it is                {1000 * eager:8.1f} ms a network and batch")
    print(
        f"{network:10} compiled                {1000 * compiled:8.1f} ms, "
        f"{compiling:.0f} s to compile, paid for: {paid}"
    )
    print(
        f"{network:10} {TOGETHER} at once by vmap       {1000 * at_once / TOGETHER:8.1f} ms",
        flush=True,
    )


def main() -> None:
    """Measures each network."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", choices=SPACES, default=list(SPACES))
    parser.add_argument("--batches", type=int, default=30)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{platform.machine()}, 1 thread, torch {torch.__version__}, batches of {BATCH}")
    for network in arguments.networks:
        measure(network, arguments.batches)


if __name__ == "__main__":
    main()
