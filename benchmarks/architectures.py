"""Analyse and plant every torchvision CNN family and twenty CNNs of timm, and see if it is exact.

Each architecture runs in its own process with one thread: analysis, one planting of a granule in
every group that can grow, a crop back. Times and memory are of float32; "memory" is what the
process held at most, over what it held before, in units of the model, which itself counts as one.
"Exact" is float64 with settled BatchNorm statistics: the planted network's outputs are its
parent's to 1e-9 of their spread, its parameters are as predicted, the crop is its parent bit for
bit. What is refused, not exact, slower than 2 s of CPU time or needs over 3 models'
memory (and 20 MB of Python's own) is printed last.

timm is in the extra `timm`: install it first, or leave its part out by naming others.

Usage: python benchmarks/architectures.py [NAME ...] [--write]
    NAME   such as torchvision/resnet18 or timm/dla34; all by default
    --write  puts the table into docs/architectures.md
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

sys.path.append(str(Path(__file__).parents[1]))  # of `python benchmarks/architectures.py`

from plantnas.channels.groups import analyse
from plantnas.channels.planting import crop, plant
from plantnas.channels.structure import Structure
from plantnas.errors import UnsupportedArchitecture
from plantnas.networks.loader import build_network

TORCHVISION = (
    "alexnet vgg11 vgg16_bn resnet18 resnet50 resnext50_32x4d wide_resnet50_2 densenet121 "
    "googlenet inception_v3 mobilenet_v2 mobilenet_v3_small mobilenet_v3_large mnasnet0_5 "
    "mnasnet1_0 efficientnet_b0 efficientnet_b3 efficientnet_v2_s regnet_x_400mf regnet_y_400mf "
    "regnet_y_1_6gf shufflenet_v2_x0_5 shufflenet_v2_x1_0 squeezenet1_0 squeezenet1_1 "
    "convnext_tiny vit_b_16 swin_t swin_v2_t"
)
TIMM = (
    "resnet26d seresnext26d_32x4d ecaresnet26t skresnet18 res2net50_26w_4s dla34 hrnet_w18_small "
    "densenetblur121d tf_efficientnet_b0 mixnet_s mobilenetv4_conv_small ghostnet_100 fbnetv3_b "
    "repvgg_a0 cspresnet50 ese_vovnet19b_dw regnety_002 rexnet_100 xception41 inception_v4 dpn48b "
    "nf_resnet26"
)
NAMES = [f"torchvision/{name}" for name in TORCHVISION.split()] + [
    f"timm/{name}" for name in TIMM.split()
]
SIZES = {"torchvision/inception_v3": 299, "torchvision/vit_b_16": 224, "timm/inception_v4": 160}
MAXIMUM_SECONDS, MAXIMUM_MEMORY = 2.0, 3.0
INTERPRETER_MEGABYTES = 20
"""What Python's own objects may take besides, which is more than a small model."""
PAGE = Path(__file__).parents[1] / "docs" / "architectures.md"
MARKERS = (
    "<!-- benchmarks/architectures.py: begin -->",
    "<!-- benchmarks/architectures.py: end -->",
)


class Result(NamedTuple):
    """A row of the table; `refused` is the reason where it cannot be analysed."""

    name: str
    size: int
    growable: int = 0
    groups: int = 0
    analyse_seconds: float = 0.0
    plant_seconds: float = 0.0
    megabytes: float = 0.0
    memory: float = 0.0
    exact: bool = False
    refused: str = ""

    @property
    def row(self) -> str:
        """The result in Markdown."""
        if self.refused:
            return f"| {self.name} | {self.size} | refused | | | | | |"
        return (
            f"| {self.name} | {self.size} | {self.growable} of {self.groups} "
            f"| {self.analyse_seconds:.2f} | {self.plant_seconds:.2f} "
            f"| {self.megabytes:.0f} | {self.memory:.1f} "
            f"| {'yes' if self.exact else 'no'} |"
        )

    @property
    def failure(self) -> str:
        """What is not as it should be; empty if all is."""
        greedy = (self.memory - MAXIMUM_MEMORY) * self.megabytes > INTERPRETER_MEGABYTES
        slow = max(self.analyse_seconds, self.plant_seconds) > MAXIMUM_SECONDS
        wrong = {"not exact": not self.exact, "slow": slow, "memory": greedy}
        return self.refused or ", ".join(what for what, is_so in wrong.items() if is_so)


def measure(name: str) -> Result:
    """Everything about one architecture, in this process."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    size = SIZES.get(name, 96)
    _plant_all(nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 2, 1)), torch.zeros(1, 3, 8, 8))
    model = build_network(name, num_classes=10, in_channels=3)
    model_bytes = sum(tensor.nbytes for tensor in model.state_dict().values())
    before = _reset_peak()
    try:
        start = time.process_time()
        structure = analyse(model, torch.zeros(1, 3, size, size))
        analysed = time.process_time()
    except UnsupportedArchitecture as error:
        return Result(name, size, refused=str(error))
    plant(model, torch.zeros(1, 3, size, size), _granules(structure), structure=structure)
    planted, peak = time.process_time(), _memory("VmHWM")
    return Result(
        name,
        size,
        len(structure.growable),
        sum(group.followed for group in structure.groups.values()),
        analysed - start,
        planted - analysed,
        model_bytes / 1e6,
        (peak - before) / model_bytes + 1,
        is_exact(model.double(), torch.randn(4, 3, size, size).double(), structure),
    )


def _granules(structure: Structure) -> dict[str, int]:
    return {name: group.granularity for name, group in structure.growable.items()}


def _plant_all(model: nn.Module, images: Tensor) -> None:
    """Once for what Python and torch allocate the first time."""
    structure = analyse(model, images)
    plant(model, images, _granules(structure), structure=structure)


def is_exact(model: nn.Module, images: Tensor, structure: Structure) -> bool:
    """Whether planting and cropping do what they promise, in the precision of the model."""
    _settle(model, images)
    planting = _granules(structure)
    child = plant(model, images, planting, structure=structure).eval()
    widths = {name: group.width + planting.get(name, 0) for name, group in structure.groups.items()}
    predicted = structure.parameters(widths)
    with torch.no_grad():
        output = model.eval()(images)
        difference = ((child(images) - output).abs().max() / output.std(0).max()).item()
    old = {name: group.width for name, group in structure.growable.items()}
    cropped = crop(child, images, old).state_dict()
    return (
        difference < 1e-9
        and predicted == sum(parameter.numel() for parameter in child.parameters())
        and all(torch.equal(tensor, cropped[key]) for key, tensor in model.state_dict().items())
    )


def _settle(model: nn.Module, images: Tensor) -> None:
    """Make the output depend on the images: nothing zero, BatchNorm statistics of these images."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1 or not parameter.any() or parameter.abs().max() < 1e-4:
                parameter.add_(torch.rand_like(parameter) * 0.2)
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = 1.0
        model.train()(images)


def _reset_peak() -> int:
    """Forget the most memory that the process has held so far; what it holds now."""
    Path("/proc/self/clear_refs").write_text("5")
    return _memory("VmRSS")


def _memory(what: str) -> int:
    found = re.search(rf"{what}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) * 1024 if found else 0


def in_own_process(script: str, name: str) -> subprocess.CompletedProcess[str]:
    """What a script says of one architecture, with one thread, in a process that may die."""
    return subprocess.run(
        [sys.executable, script, "--one", name],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def measure_in_process(name: str) -> Result:
    """The same in a fresh process, which may die."""
    done = in_own_process(__file__, name)
    if done.returncode:
        return Result(name, 0, refused=(done.stderr.strip().splitlines() or ["killed"])[-1])
    values: list[Any] = json.loads(done.stdout.splitlines()[-1])
    return Result(*values)


def table(results: list[Result]) -> str:
    """All rows in Markdown."""
    columns = "architecture, image, groups that grow, analyse s, plant s, model MB, memory"
    head = [f"| {columns.replace(', ', ' | ')} | exact |", "|---" * 8 + "|"]
    return "\n".join([*head, *(each.row for each in results)])


def write(results: list[Result]) -> None:
    """Put the table between the markers of docs/architectures.md."""
    before, _, rest = PAGE.read_text().partition(MARKERS[0])
    _, _, after = rest.partition(MARKERS[1])
    page = f"{before}{MARKERS[0]}\n{table(results)}\n{MARKERS[1]}{after}"
    PAGE.write_text(page)


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(arguments.one)))
        return
    results = []
    for name in arguments.names or NAMES:
        results.append(measure_in_process(name))
        print(results[-1].row, flush=True)
    if arguments.write:
        write(results)
    failures = [f"  {each.name}: {each.failure}" for each in results if each.failure]
    print(f"{len(results)} architectures, {len(failures)} failures", *failures, sep="\n")


if __name__ == "__main__":
    main()
