"""How well probes and short screens rank the plantings of one parent, against growing them.

Random plantings of a study's seed, within its window, are each probed, screened and grown as the
study's first step would: the same teacher, logits, batches and starts. Printed is a line for each
planting, and then for each way to rank them Spearman's correlation with what growing gives, what
the planting that it would choose loses against the best one (regret), and its seconds: CPU seconds
of one thread, for all plantings. `size` ranks by the number of parameters, the largest first: what
comes for nothing. `probe in full` is fitted to all that is sampled, and its loss is on the whole
validation split. `probe, then screen` screens the best few probes and takes the best screen of
these. Metrics are on the validation split; the loss is of distillation.

Usage: python benchmarks/probes.py plain [--random-seed 0] [--plantings 10] [--screened 4]
           [--screen-epochs 2] [--epochs 12] [--study compare-plain-teacher] [--directory DIR]
"""

import argparse
import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, TypeVar

import optuna
import torch
from scipy.stats import spearmanr

sys.path.append(str(Path(__file__).parents[1]))  # of `python benchmarks/probes.py`

from benchmarks.common import heading, line
from plantnas.channels.shrinking import shrunk
from plantnas.config import SCREEN_EPOCHS, StudyConfig
from plantnas.config_files import load_study, with_overrides
from plantnas.errors import Say
from plantnas.measured import Evaluation
from plantnas.place import sqlite_url
from plantnas.records.database import Database
from plantnas.records.study import StudyRecords
from plantnas.searching.children import planted_child
from plantnas.searching.objective import PlantingObjective
from plantnas.searching.prepared import Parent, PreparedStudy
from plantnas.searching.proposals import room_to_grow, suggest_counts, suggest_shares
from plantnas.training.planted import train_planted
from plantnas.training.seeds import generator_for
from plantnas.trials.study import open_study

STUDIES = {"plain": "compare-plain-teacher", "resnet20": "compare-resnet20"}
"""Each network's study, of the same 10 000 images of Fashion-MNIST."""
PLANTINGS = {
    "planting": "<28", "parameters": ">10", "probe loss": ">10", "screen loss": ">11",
    "screen %": ">8", "grown loss": ">10", "grown %": ">7",
}  # fmt: skip
RANKINGS = {
    "ranked by": "<18", "rho of loss": ">11", "rho of %": ">8", "regret of loss": ">14",
    "regret of %": ">11", "seconds": ">8",
}  # fmt: skip

Measured = TypeVar("Measured")


class Trial(NamedTuple):
    """A planting, ranked and grown.

    Seconds are of the probe, the probe in full, the screen and the growing.
    """

    new: dict[str, int]
    parameters: int
    probe_loss: float
    full_loss: float
    screened: Evaluation
    grown: Evaluation
    seconds: tuple[float, float, float, float]


class Ranking(NamedTuple):
    """How plantings are ranked: the lowest value first."""

    name: str
    values: list[float]
    seconds: float


def configuration(given: argparse.Namespace) -> StudyConfig:
    """The study, at the random seed and with the epochs that are asked for."""
    config = load_study(given.study or STUDIES[given.network])
    asked = {
        "random_seed": given.random_seed,
        "planting.screen_epochs": given.screen_epochs,
        "planting.epochs": given.epochs,
    }
    return with_overrides(config, {key: value for key, value in asked.items() if value is not None})


def prepared_study(
    config: StudyConfig, folder: Path | None, say: Say = lambda message: None
) -> PreparedStudy:
    """The study with its teacher and seed, which are trained unless the folder has them.

    Epochs of plantings are nothing to these: the folder may have been made with others.
    """
    folder = folder or Path("plantnas-studies") / f"probes-{config.name}"
    directory = folder / str(config.random_seed)
    directory.mkdir(parents=True, exist_ok=True)
    url, made = sqlite_url(directory), config
    if (directory / "study.db").exists():
        planting = StudyRecords(Database(url), config.name).config.planting
        kept = {f"planting.{name}": getattr(planting, name) for name in ("screen_epochs", "epochs")}
        made = with_overrides(config, kept)
    prepared = PlantingObjective(made, directory).prepared(open_study(made, url), say)
    return replace(prepared, config=config)


def plantings(prepared: PreparedStudy, parent: Parent, count: int) -> Iterator[dict[str, int]]:
    """Random plantings of a parent that a study would try, each once."""
    growth, search = prepared.config.search_space.grow, prepared.config.search
    room = room_to_grow(parent.structure, prepared.teacher.widths, growth, search)
    suggest = suggest_shares if growth.proposal == "shares" else suggest_counts
    sampler = optuna.samplers.RandomSampler(seed=prepared.config.random_seed)
    study, found = optuna.create_study(sampler=sampler), list[dict[str, int]]()
    while len(found) < count:
        new = suggest(study.ask(), room)
        if new and new not in found and room.excess(parent.structure.widths_after(new)) <= 0:
            found.append(new)
            yield new


def timed(measure: Callable[[], Measured]) -> tuple[Measured, float]:
    """What is measured, and the CPU seconds that it took."""
    start = time.process_time()
    measured = measure()
    return measured, time.process_time() - start


def trial_of(prepared: PreparedStudy, parent: Parent, new: dict[str, int]) -> Trial:
    """A planting of the parent, probed, screened and grown."""
    structure = parent.structure.after(new)
    widths = structure.growable_widths

    def probe_in_full() -> float:
        return prepared.validate(shrunk(prepared.sampled_donor, widths)).loss

    def trained(epochs: int) -> Evaluation:
        recipe = prepared.config.planting.model_copy(update={"epochs": epochs})
        purpose = ("batches", parent.record.widths, new)
        generator = generator_for(prepared.config.random_seed, *purpose)
        child = planted_child(prepared, parent, new)
        train_planted(child, prepared.data, recipe, prepared.features, generator)
        return prepared.validate(child.network)

    planting = prepared.config.planting
    probed, probe_seconds = timed(lambda: prepared.probe(widths))
    full, full_seconds = timed(probe_in_full)
    screened, screen_seconds = timed(lambda: trained(prepared.config.screen_epochs))
    grown, grow_seconds = timed(lambda: trained(planting.epochs))
    seconds = (probe_seconds, full_seconds, screen_seconds, grow_seconds)
    return Trial(new, structure.parameters(), probed, full, screened, grown, seconds)


def rankings(trials: Sequence[Trial], screened: int) -> list[Ranking]:
    """The ways to rank plantings; the last ranks those behind the screened ones by their probes."""
    probes = [each.probe_loss for each in trials]
    screens = [each.screened.loss for each in trials]
    best = set(sorted(range(len(trials)), key=probes.__getitem__)[:screened])
    worst = max(screens)
    both = [
        screens[index] if index in best else worst + 1 + probes[index]
        for index in range(len(trials))
    ]
    by_kind = zip(*(trial.seconds for trial in trials), strict=True)
    probing, in_full, screening, _ = map(sum, by_kind)
    screening_best = sum(trials[index].seconds[2] for index in best)
    return [
        Ranking("size", [-float(each.parameters) for each in trials], 0.0),
        Ranking("probe", probes, probing),
        Ranking("probe in full", [each.full_loss for each in trials], in_full),
        Ranking("screen", screens, screening),
        Ranking("probe, then screen", both, probing + screening_best),
    ]


def judged(ranking: Ranking, trials: Sequence[Trial]) -> list[str]:
    """The line of a way to rank: correlations are 1 where it ranks as growing does."""
    losses = [each.grown.loss for each in trials]
    percents = [100 * each.grown.accuracy for each in trials]
    chosen = ranking.values.index(min(ranking.values))
    return [
        ranking.name,
        f"{spearmanr(ranking.values, losses).statistic:.2f}",
        f"{-spearmanr(ranking.values, percents).statistic:.2f}",
        f"{losses[chosen] - min(losses):.3f}",
        f"{max(percents) - percents[chosen]:.2f}",
        f"{ranking.seconds:.1f}",
    ]


def cells(trial: Trial) -> list[str]:
    """The line of a planting."""
    return [
        " ".join(map(str, trial.new.values())),
        f"{trial.parameters:,}",
        f"{trial.probe_loss:.3f}",
        f"{trial.screened.loss:.3f}",
        f"{100 * trial.screened.accuracy:.2f}",
        f"{trial.grown.loss:.3f}",
        f"{100 * trial.grown.accuracy:.2f}",
    ]


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", choices=STUDIES)
    parser.add_argument("--random-seed", type=int, default=0)
    parser.add_argument("--plantings", type=int, default=10)
    parser.add_argument("--screened", type=int, default=4, help="Of the best probes.")
    parser.add_argument("--screen-epochs", type=int, default=SCREEN_EPOCHS)
    parser.add_argument("--epochs", type=int, help="Of growing, by default the study's.")
    parser.add_argument("--study", help="Another study than the network's, as for plantnas run.")
    parser.add_argument("--directory", type=Path, help="Of teacher and seed, to use them again.")
    return parser.parse_args()


def main() -> None:
    """Prints a line a planting, and one a way to rank them."""
    given = arguments()
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    config = configuration(given)
    prepared = prepared_study(config, given.directory, print)
    parent = prepared.parent(None)
    _, once = timed(lambda: prepared.probe(parent.structure.growable_widths))
    print(f"torch {torch.__version__}, {platform.processor() or platform.machine()}, one thread")
    print(f"{config.name}, random seed {config.random_seed}: a teacher of ", end="")
    print(f"{prepared.teacher.parameters:,} parameters, a seed of {prepared.seed.parameters:,}")
    print(heading(PLANTINGS), flush=True)
    trials = list[Trial]()
    for new in plantings(prepared, parent, given.plantings):
        trials.append(trial_of(prepared, parent, new))
        print(line(PLANTINGS, cells(trials[-1])), flush=True)
    print()
    print(heading(RANKINGS))
    for ranking in rankings(trials, given.screened):
        print(line(RANKINGS, judged(ranking, trials)))
    growing = sum(trial.seconds[-1] for trial in trials)
    print(f"Growing all took {growing:.1f} s; the teacher's samples, once a study, {once:.1f} s.")


if __name__ == "__main__":
    main()
