"""What it gives to train the network of the next size along: a lineage with and without it.

The networks of a finished study's best lineage are trained again at the widths that they have, from
the seed on, as the study would with another weight of the wider network's loss (`search.ahead`; 0
trains each size alone): the same teacher, logits, batches and starts. Nothing is recorded. Other
settings may differ too, to see what they give. Printed is a line for each network: loss of
distillation and accuracy on the validation split, and CPU seconds of one thread.

Usage: python benchmarks/ahead.py compare-plain-teacher [--weights 0 1] [--directory DIR]
           [--set planting.row_rate=1 planting.batch_size=32]
"""

import argparse
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
import yaml

sys.path.append(str(Path(__file__).parents[1]))  # of `python benchmarks/ahead.py`

from benchmarks.common import heading, line
from plantnas.channels.initialising import Donor
from plantnas.config_files import with_overrides
from plantnas.measured import Evaluation
from plantnas.place import sqlite_url
from plantnas.records.database import Database
from plantnas.records.record import NetworkRecord
from plantnas.records.study import StudyRecords
from plantnas.searching.children import child_and_ahead
from plantnas.searching.first_networks import SeedMaker
from plantnas.searching.prepared import Parent, PreparedStudy
from plantnas.searching.preparing import prepare
from plantnas.searching.recording import JoinedStudy, join_study
from plantnas.training.features import FeatureCache
from plantnas.training.planted import train_planted
from plantnas.training.seeds import generator_for
from plantnas.trials.study import existing_study

COLUMNS = {
    "ahead": ">5",
    "step": ">4",
    "parameters": ">10",
    "epochs": ">6",
    "KD loss": ">8",
    "accuracy %": ">10",
    "s": ">6",
}


class Size(NamedTuple):
    """A network that was trained again.

    Attributes:
        record: The study's own of the same widths.
        epochs: Those that it was trained.
        evaluation: On validation.
        seconds: CPU seconds of its training, with that of the network that was trained along.
    """

    record: NetworkRecord
    epochs: int
    evaluation: Evaluation
    seconds: float


def joined_study(name: str, directory: Path) -> JoinedStudy:
    """The study in a folder, which is read."""
    url = sqlite_url(directory)
    config = StudyRecords(Database(url), name).config
    return join_study(existing_study(name, url), config, directory)


def best_lineage(networks: Sequence[NetworkRecord]) -> list[NetworkRecord]:
    """The largest grown network behind its ancestors, the seed first."""
    by_id = {each.id: each for each in networks}
    last = max((each for each in networks if each.kind == "grow"), key=lambda each: each.parameters)
    line = [last]
    while line[0].parent_id is not None:
        line.insert(0, by_id[line[0].parent_id])
    return line


def lineage_with(
    joined: JoinedStudy,
    prepared: PreparedStudy,
    lineage: Sequence[NetworkRecord],
    settings: dict[str, Any],
) -> Iterator[Size]:
    """The networks of the lineage, trained again with some settings of the study's changed."""
    config = with_overrides(joined.config, settings)
    again = replace(prepared, config=config)
    plantings = [record.planted for record in lineage[1:]]
    coming = [*plantings, {}] if config.search.ahead else [{}] * len(lineage)
    start, cache = time.process_time(), FeatureCache(config.memory_gigabytes * 2**30)
    changed = replace(joined, config=config)
    maker = SeedMaker(
        changed, prepared.data, prepared.teacher, prepared.samples, lambda message: None
    )
    seed, ahead = maker.trained(coming[0])
    yield Size(lineage[0], len(seed.epochs), seed.evaluation, time.process_time() - start)
    parent = Parent(seed.network.eval(), seed.structure, lineage[0], ahead)
    for step, record in enumerate(lineage[1:], start=1):
        start = time.process_time()
        recipe = config.planting.for_step(step, len(plantings))
        child, along = child_and_ahead(again, parent, record.planted, coming[step])
        purpose = ("batches", parent.record.widths, record.planted)
        generator = generator_for(config.random_seed, *purpose)
        trained = recipe.for_size(record.parameters)
        train_planted(child, prepared.data, trained, cache, generator, ahead=along)
        evaluation = prepared.validate(child.network)
        yield Size(record, recipe.epochs, evaluation, time.process_time() - start)
        wider = along and Donor(along.child.network.eval(), along.child.structure)
        parent = Parent(child.network.eval(), child.structure, record, wider)


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", help="The name of a finished study.")
    parser.add_argument("--directory", type=Path, help="By default plantnas-studies/STUDY.")
    parser.add_argument("--weights", type=float, nargs="+", default=[0.0, 1.0])
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", dest="changed")
    return parser.parse_args()


def main() -> None:
    """Prints a line a network."""
    given = arguments()
    torch.set_num_threads(1)
    joined = joined_study(given.study, given.directory or Path("plantnas-studies") / given.study)
    prepared, lineage = prepare(joined), best_lineage(joined.records.networks())
    pairs = (each.partition("=") for each in given.changed)
    changed = {key: yaml.safe_load(value) for key, _, value in pairs}
    print(f"torch {torch.__version__}, {platform.processor() or platform.machine()}, one thread")
    print(f"{given.study}, random seed {joined.config.random_seed}; changed: {changed}")
    print(heading(COLUMNS), flush=True)
    for weight in given.weights:
        settings = {**changed, "search.ahead": weight}
        for size in lineage_with(joined, prepared, lineage, settings):
            cells = [
                f"{weight:g}",
                size.record.step,
                f"{size.record.parameters:,}",
                size.epochs,
                f"{size.evaluation.loss:.3f}",
                f"{100 * size.evaluation.accuracy:.2f}",
                f"{size.seconds:.1f}",
            ]
            print(line(COLUMNS, cells), flush=True)


if __name__ == "__main__":
    main()
