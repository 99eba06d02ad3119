"""How many channel groups of 69 architectures grow, before a revision and now.

Each is analysed by the plantnas of another revision and by this one, at the smallest of three image
sizes that it takes; and it is counted what grows where the function may change. With --exact a
granule is planted in every group that grows here, in float64: it is exact if outputs are the
parent's to 1e-9 of their spread and the crop is the parent bit for bit.

timm is in the extra `timm`: install it first.

Usage: python -m benchmarks.growing REVISION [NAME ...] [--exact] [--write]
    REVISION  what is compared with, such as v0.1.0
    NAME      such as timm/dla34; all by default
    --exact   also plants and crops, which takes ten times as long
    --write   puts the table into docs/architectures.md
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

from benchmarks import architectures
from plantnas.channels.groups import analyse
from plantnas.channels.structure import Structure
from plantnas.errors import PlantnasError
from plantnas.networks.loader import build_network

TORCHVISION = (
    "densenet169 efficientnet_b1 mnasnet0_75 regnet_x_800mf regnet_y_800mf resnet34 "
    "shufflenet_v2_x0_5 squeezenet1_0 vgg13_bn"
)
TIMM = (
    "bat_resnext26ts botnet26t_256 convmixer_768_32 convnext_atto csatv2 cspdarknet53 "
    "cspresnet50 darknet53 dla34 dm_nfnet_f0 dpn48b eca_nfnet_l0 edgenext_xx_small "
    "efficientformer_l1 efficientvit_b0 ese_vovnet19b_dw fasternet_t0 fastvit_t8 fbnetc_100 "
    "focalnet_tiny_srf gernet_s ghostnet_100 ghostnetv2_100 ghostnetv3_050 hardcorenas_a "
    "hgnet_tiny hrnet_w18_small inception_next_atto lcnet_050 legacy_seresnet18 levit_128 "
    "mambaout_femto mixer_s32_224 mixnet_s mobileone_s0 mobilevit_xxs nextvit_small "
    "nf_regnet_b0 poolformer_s12 rdnet_tiny regnetz_005 repghostnet_050 repvgg_a0 repvit_m0_9 "
    "res2net50_26w_4s resnest14d resnetv2_50 rexnet_100 selecsls42 sequencer2d_s shvit_s1 "
    "skresnet18 spnasnet_100 starnet_s1 swiftformer_xs tinynet_e tresnet_m visformer_tiny "
    "vovnet39a xcit_nano_12_p16_224"
)
NAMES = [f"torchvision/{name}" for name in TORCHVISION.split()] + [
    f"timm/{name}" for name in TIMM.split()
]
SIZES = (96, 224, 256)
PAGE = Path(__file__).parents[1] / "docs" / "architectures.md"
MARKERS = ("<!-- benchmarks/growing.py: begin -->", "<!-- benchmarks/growing.py: end -->")


class Count(NamedTuple):
    """The groups of an architecture; `refused` is the reason where nothing can grow.

    Attributes:
        growable: Those that grow.
        groups: All that are followed.
        opened: Those that grow where the function may change.
    """

    growable: int = 0
    groups: int = 0
    opened: int = 0
    refused: str = ""

    def __str__(self) -> str:
        return "refused" if self.refused else f"{self.growable} of {self.groups}"


def analysed(network: nn.Module) -> tuple[Structure, int]:
    """The structure at the smallest size of images that the network takes, and the size.

    Raises:
        PlantnasError: It takes none, or nothing in it can grow.
    """
    for size in SIZES:
        try:
            return analyse(network, torch.zeros(1, 3, size, size)), size
        except PlantnasError as error:
            if "cannot run" not in str(error) or size == SIZES[-1]:
                raise
    raise AssertionError("there is a last size")


def count(name: str) -> Count:
    """The groups of an architecture."""
    try:
        structure, _ = analysed(build_network(name, num_classes=10, in_channels=3))
    except PlantnasError as error:
        return Count(refused=str(error))
    followed = sum(group.followed for group in structure.groups.values())
    opened = getattr(structure, "opened", structure)  # which earlier revisions do not have
    return Count(len(structure.growable), followed, len(opened.growable))


def counts_at(revision: str, names: Sequence[str]) -> dict[str, Count]:
    """The same by the plantnas of another revision, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        packed = subprocess.run(
            ["git", "archive", revision, "plantnas"], cwd=PAGE.parent.parent, stdout=subprocess.PIPE
        )
        subprocess.run(["tar", "-x", "-C", folder], input=packed.stdout, check=True)
        code = (
            f"import runpy, sys; sys.path.insert(0, {folder!r}); "
            f"runpy.run_path({__file__!r}, run_name='__main__')"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, "--count", revision, *names],
            stdout=subprocess.PIPE,
            text=True,
        )
    found = map(json.loads, done.stdout.splitlines())
    return {name: Count(*values) for name, values in zip(names, found, strict=True)}


def is_exact(name: str) -> bool:
    """Whether the outputs and the crop are the parent's if every group that grows gets more."""
    torch.manual_seed(0)
    network = build_network(name, num_classes=10, in_channels=3)
    structure, size = analysed(network)
    return architectures.is_exact(
        network.double(), torch.randn(2, 3, size, size).double(), structure
    )


def write(rows: list[str]) -> None:
    """Put the table between the markers of docs/architectures.md."""
    before, _, rest = PAGE.read_text().partition(MARKERS[0])
    _, _, after = rest.partition(MARKERS[1])
    PAGE.write_text("\n".join([before + MARKERS[0], *rows, MARKERS[1] + after]))


def compared(revision: str, names: Sequence[str], checked: Collection[str]) -> list[str]:
    """The lines of the table, which are printed as they come; some names are planted, too."""
    before = counts_at(revision, names)
    titles = ["architecture", revision, "now", "where the function may change", "exact"]
    rows = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    print(*rows, sep="\n")
    counts = list[Count]()
    for name in names:
        now = count(name)
        exact = ""
        if name in checked and now.growable:
            exact = "yes" if is_exact(name) else "no"
        opened = "" if now.refused else now.opened
        rows.append(f"| {name} | {before[name]} | {now} | {opened} | {exact} |")
        print(rows[-1], flush=True)
        counts.append(now)
    growable, groups, opened, _ = zip(*counts, strict=True)
    earlier = sum(each.growable for each in before.values())
    rows.append(f"| all | {earlier} | {sum(growable)} of {sum(groups)} | {sum(opened)} | |")
    print(rows[-1])
    return rows


def main() -> None:
    """Read the arguments, count, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("revision")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--exact", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--count", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    names = arguments.names or NAMES
    torch.set_num_threads(1)
    if arguments.count:
        for name in names:
            print(json.dumps(count(name)), flush=True)
        return
    rows = compared(arguments.revision, names, names if arguments.exact else ())
    if arguments.write:
        write(rows)


if __name__ == "__main__":
    main()
