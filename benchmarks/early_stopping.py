"""What early stopping would have saved in finished studies, and which winners it would have cost.

Replays the screening trials of a study one after another in the order of their numbers, from the
epochs that the database recorded, under each rule of `search.early_stopping`: as one worker would
have met them, had it proposed the same plantings. Nothing is trained. A winner is a planting that
the study's policy chose to grow. The studies must have been run without early stopping.

Usage: python benchmarks/early_stopping.py fashion-mnist [--directory DIR [DIR ...]]
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, get_args

from plantnas.config import StoppingRule, StudyConfig
from plantnas.config_files import load_study
from plantnas.errors import StudyError
from plantnas.records.database import Database
from plantnas.records.record import LossCurve
from plantnas.trials.assignments import record_of, reference_of
from plantnas.trials.history import assignments_of, screened_trials
from plantnas.trials.policies import Beam
from plantnas.trials.stopping import should_stop
from plantnas.trials.storage import sqlite_url
from plantnas.trials.study import existing_study, make_policy

RULES: tuple[StoppingRule, ...] = tuple(rule for rule in get_args(StoppingRule) if rule != "none")


class Step(NamedTuple):
    """The screening trials of a step by ascending number, and the numbers of its winners."""

    screens: Sequence[LossCurve]
    winners: frozenset[int]


class Replay(NamedTuple):
    """What a rule does to a study.

    Attributes:
        stopped: Numbers of the trials that are stopped.
        trials: How many there are.
        epochs_saved: Epochs that the stopped ones are not trained.
        epochs: Epochs that all were trained.
        steps_lost: Steps with a winner that is stopped.
        winners_stopped: How many winners are.
        winners: How many there are.
    """

    stopped: frozenset[int]
    trials: int
    epochs_saved: int
    epochs: int
    steps_lost: tuple[int, ...]
    winners_stopped: int
    winners: int


def replay(rule: StoppingRule, steps: Mapping[int, Step], epochs: int) -> Replay:
    """What a rule does to a study whose screening trials were planned for so many epochs."""
    stopped, saved = set[int](), 0
    for step in steps.values():
        finished: list[LossCurve] = []
        for screen in step.screens:
            finished.append(shortened(rule, screen, finished, epochs))
            left_out = len(screen.losses) - len(finished[-1].losses)
            saved += left_out
            if left_out:
                stopped.add(screen.trial_number)
    return Replay(
        stopped=frozenset(stopped),
        trials=sum(len(step.screens) for step in steps.values()),
        epochs_saved=saved,
        epochs=sum(len(screen.losses) for step in steps.values() for screen in step.screens),
        steps_lost=tuple(number for number, step in steps.items() if step.winners & stopped),
        winners_stopped=sum(len(step.winners & stopped) for step in steps.values()),
        winners=sum(len(step.winners) for step in steps.values()),
    )


def shortened(
    rule: StoppingRule, screen: LossCurve, finished: Sequence[LossCurve], epochs: int
) -> LossCurve:
    """The trial up to the epoch at which it is stopped, or all of it."""
    for epoch in range(1, len(screen.losses)):
        so_far = screen._replace(losses=screen.losses[:epoch])
        if should_stop(rule, so_far, finished, epochs):
            return so_far
    return screen


def recorded_steps(name: str, directory: Path) -> tuple[dict[int, Step], int]:
    """The steps of a study in a folder, and the planned epochs of its screening trials.

    Raises:
        StudyError: There is no such study, or it stopped trials itself.
    """
    url = sqlite_url(directory)
    study, database = existing_study(name, url), Database(url)
    recorded = database.study(name).configuration
    config = StudyConfig.model_validate({k: v for k, v in recorded.items() if k != "images"})
    if config.search.early_stopping != "none":
        raise StudyError(
            f"study {name!r} in {directory}: was run with early_stopping "
            f"{config.search.early_stopping!r}; only one of 'none' can be replayed."
        )
    policy = make_policy(config.search)
    assert isinstance(policy, Beam)
    history, reference = [record_of(trial) for trial in study.trials], reference_of(study)
    steps = {}
    for number in sorted({assignment.step for assignment in assignments_of(history)}):
        complete = {trial.number for trial in screened_trials(history, number)}
        curves = database.loss_curves(name, "screen", number)
        winners = policy.winners(history, reference, number)
        steps[number] = Step(
            [curve for curve in curves if curve.trial_number in complete],
            frozenset(winner.number for winner in winners),
        )
    return steps, config.planting.screen_epochs


def row(study: str, rule: str, replayed: Replay) -> str:
    """A line of the table."""
    stopped = f"{len(replayed.stopped)} of {replayed.trials}"
    saved = f"{replayed.epochs_saved} of {replayed.epochs}"
    lost = ", ".join(map(str, replayed.steps_lost)) or "none"
    return f"{study:28} {rule:8} {stopped:>15} {saved:>15}   {lost}"


def summary(rule: str, replays: Sequence[Replay]) -> str:
    """A rule's figures over all studies."""
    stopped = sum(replayed.winners_stopped for replayed in replays)
    winners = sum(replayed.winners for replayed in replays)
    saved = sum(replayed.epochs_saved for replayed in replays)
    share = saved / max(1, sum(replayed.epochs for replayed in replays))
    return (
        f"{rule}: {stopped} of {winners} winners stopped, "
        f"{100 * share:.0f} % of screening epochs saved"
    )


def main() -> None:
    """Prints the table; its last line is the median rule's figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study")
    parser.add_argument("--directory", type=Path, nargs="+", help="folders of runs of the study")
    arguments = parser.parse_args()
    name = load_study(arguments.study).name
    directories = arguments.directory or [Path("plantnas-studies") / name]
    studies = {directory: recorded_steps(name, directory) for directory in directories}
    header = ("study", "rule", "trials stopped", "epochs saved", "steps whose winner is stopped")
    print("{:28} {:8} {:>15} {:>15}   {}".format(*header))
    replays: dict[StoppingRule, list[Replay]] = {rule: [] for rule in reversed(RULES)}
    for directory, (steps, epochs) in studies.items():
        for rule, replayed in replays.items():
            replayed.append(replay(rule, steps, epochs))
            print(row(directory.name, rule, replayed[-1]))
    for rule, replayed in replays.items():
        print(summary(rule, replayed))


if __name__ == "__main__":
    main()
