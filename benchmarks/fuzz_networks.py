"""Plant, crop and narrow random networks, and count what is exact, refused and wrong.

A network is exact if what is planted in it, and in a narrow network of its architecture (most
groups of one to three channels), preserves the function and each earlier entry, if a crop gives the
parent back bit for bit, also where a planting may change the function, if a narrow network has the
structure of the wide one, and if parameters and MACs are as they were predicted. It is refused if a
PlantnasError says so, in one line. All else is wrong: another function, an exception of another
kind, a message of several lines. The counts are printed last.

Usage: python -m benchmarks.fuzz_networks [--networks 2000] [--first 0]
"""

import argparse
import copy
import traceback
import warnings
from collections import Counter
from collections.abc import Mapping
from random import Random
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from benchmarks.random_networks import SIZE, random_network
from plantnas.channels.containers import tensors_in
from plantnas.channels.groups import analyse
from plantnas.channels.initialisations import fresh
from plantnas.channels.initialising import Initialisation
from plantnas.channels.planting import crop, narrow, plant, planted_entries
from plantnas.channels.structure import Structure
from plantnas.errors import PlantnasError

TOLERANCE = 1e-8
"""Of the largest output; float64 has 1e-16, and a few operators make more of it."""


class Wrong(Exception):
    """A network that is neither exact nor refused; the text says in what."""


class Verdict(NamedTuple):
    """What was found of a network; `why` is empty if it is exact."""

    kind: Literal["exact", "refused", "wrong"]
    why: str = ""


def verdict_on(seed: int) -> Verdict:
    """What is found of the network that a seed draws; the same each time."""
    rng = Random(seed)
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(seed)
        network = random_network(rng)
        images = prepared(network)
        if images is None:
            return Verdict("refused", "the network does not run")
        return checked(network, images, rng)


def prepared(network: nn.Module) -> Tensor | None:
    """Images for a network, by which its BatchNorms are set; None if it does not run on them."""
    images = torch.randn(4, 3, SIZE, SIZE, dtype=torch.float64)
    try:
        with torch.no_grad():
            network.train()(images)
    except Exception:  # it joins what does not fit
        return None
    network.eval().requires_grad_(False)
    return images


def checked(network: nn.Module, images: Tensor, rng: Random) -> Verdict:
    """Whether a network is exact; `rng` draws what is planted and how narrow it gets."""
    try:
        check(network, images, rng)
    except PlantnasError as error:
        if "\n" in str(error):
            return Verdict("wrong", f"a message of several lines: {error}")
        if ": cannot run in " in str(error):  # but it has run: a rule has raised something
            return Verdict("wrong", str(error))
        return Verdict("refused", str(error))
    except Wrong as error:
        return Verdict("wrong", str(error))
    except Exception:
        return Verdict("wrong", traceback.format_exc())
    return Verdict("exact")


def check(network: nn.Module, images: Tensor, rng: Random) -> None:
    """Raises Wrong where a network is not what it should be.

    Raises:
        PlantnasError: It is refused.
        Wrong: As said.
    """
    before = copy.deepcopy(network.state_dict())
    structure = analyse(network, images)
    _check_planted(network, images, structure, rng)
    small = {
        name: group.granularity * rng.randint(1, 3) for name, group in structure.growable.items()
    }
    small = {name: max(width, structure.groups[name].least) for name, width in small.items()}
    seed = narrow(network, images, small, structure=structure).eval()
    _check_shapes("narrowing", network, seed, images)
    _check_same("a narrow network's structure", analyse(seed, images), structure.with_widths(small))
    _check_planted(seed, images, structure.with_widths(small), rng)
    smaller = {name: min(width, structure.widths[name]) for name, width in small.items()}
    crop(network, images, smaller, structure=structure)(images)
    _check_mixed(network, images, structure)
    if not _is_equal(before, network.state_dict()):
        raise Wrong("the network itself was changed")


def _check_mixed(network: nn.Module, images: Tensor, structure: Structure) -> None:
    """Plants a granule where the function may change, too: the crop is the parent all the same."""
    opened = structure.opened
    if len(opened.growable) == len(structure.growable):
        return
    planting = {name: group.granularity for name, group in opened.growable.items()}
    start, grown = Initialisation(fresh.fill, column_scale=0.5), opened.after(planting)
    child = plant(network, images, planting, initialisation=start, structure=structure).eval()
    _check_shapes("planting where the function may change", network, child, images)
    _check_same("a network that was planted so", analyse(child, images).opened, grown)
    old = {name: structure.groups[name].width for name in planting}
    if not _is_equal(crop(child, images, old, structure=grown).state_dict(), network.state_dict()):
        raise Wrong(f"cropping what {planting} changed does not give the parent")


def _check_planted(network: nn.Module, images: Tensor, structure: Structure, rng: Random) -> None:
    """Plants, and compares the child with what the structure says of it."""
    planting = {
        name: group.granularity * rng.randint(0, 2) for name, group in structure.growable.items()
    }
    if not any(planting.values()):
        planting = {name: group.granularity for name, group in structure.growable.items()}
    child = plant(network, images, planting, structure=structure).eval()
    grown = structure.after(planting)
    for output, expected in zip(*_outputs(child, network, images), strict=True):
        scale = expected.abs().max().clamp_min(1e-3)
        if (
            output.shape != expected.shape
            or not (output - expected).abs().max() <= TOLERANCE * scale
        ):
            raise Wrong(f"planting {planting} changes the function")
    _check_same("a planted network's structure", analyse(child, images), grown)
    masks, before = planted_entries(structure, network, planting), network.state_dict()
    for name, tensor in child.state_dict().items():
        kept = tensor[~masks[name]] if name in masks else tensor
        if not torch.equal(kept.flatten(), before[name].flatten()):
            raise Wrong(f"planting {planting} changes earlier entries of {name}")
    if sum(parameter.numel() for parameter in child.parameters()) != grown.parameters():
        raise Wrong("another number of parameters than was predicted")
    old = {name: structure.groups[name].width for name in planting}
    if not _is_equal(crop(child, images, old, structure=grown).state_dict(), network.state_dict()):
        raise Wrong(f"cropping what was planted by {planting} does not give the parent")


def _check_same(what: str, found: Structure, expected: Structure) -> None:
    for name in ("axes", "shapes", "growable_widths", "weight_uses"):
        if getattr(found, name) != getattr(expected, name):
            raise Wrong(
                f"{what} has other {name}: {getattr(found, name)} {getattr(expected, name)}"
            )


def _check_shapes(what: str, network: nn.Module, other: nn.Module, images: Tensor) -> None:
    outputs, others = _outputs(network, other, images)
    if [each.shape for each in outputs] != [each.shape for each in others]:
        raise Wrong(f"{what} changes the shape of outputs")


def _outputs(one: nn.Module, other: nn.Module, images: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    with torch.no_grad():
        return tensors_in(one(images)), tensors_in(other(images))


def _is_equal(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def main() -> None:
    """Read the arguments, check, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--networks", type=int, default=2000)
    parser.add_argument("--first", type=int, default=0, help="the first network's seed")
    arguments = parser.parse_args()
    counts = Counter[str]()
    for seed in range(arguments.first, arguments.first + arguments.networks):
        kind, why = verdict_on(seed)
        counts[kind] += 1
        if kind == "wrong":
            print(f"network {seed}: {why}", flush=True)
    for kind in ("exact", "refused", "wrong"):
        print(f"{kind}: {counts[kind]}")


if __name__ == "__main__":
    main()
