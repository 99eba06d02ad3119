"""What must be true of a study however its workers died: nothing is lost, doubled or left over.

The faults themselves are in faults.py.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import optuna
from optuna.artifacts import get_all_artifact_meta
from optuna.trial import FrozenTrial, TrialState

from plantnas.config import StudyConfig
from plantnas.errors import StorageError
from plantnas.grouping import grouped
from plantnas.records.optuna_tables import HELD_BACK_LOSS_KEY, PLANTING_KEY, WIDTHS_KEY
from plantnas.records.record import NetworkRecord
from plantnas.records.study import StudyRecords
from plantnas.records.weights import load_weights
from plantnas.report.finished_trials import is_complete_probe
from plantnas.report.front import pareto_front, validation_accuracy
from plantnas.trials.assignments import assignment_of
from plantnas.trials.study import outlook


class Verdict(NamedTuple):
    """What is wrong, a line each.

    Attributes:
        lost: Planned work that was not done, and results that are not whole.
        duplicated: Work that was done twice.
        left: Trials that nobody will end, and results of trials that did not end well.
    """

    lost: list[str]
    duplicated: list[str]
    left: list[str]


def verdict(study: optuna.Study, records: StudyRecords, config: StudyConfig) -> Verdict:
    """All that is wrong with a study that should be complete."""
    trials = study.get_trials(deepcopy=False)
    undone = _undone(study, trials, config)
    return Verdict(
        [*undone, *_unexplained(trials), *_broken(trials, records)],
        duplicates(trials),
        [*_unended(trials), *_shown(trials, records.networks())],
    )


def _undone(study: optuna.Study, trials: list[FrozenTrial], config: StudyConfig) -> Iterator[str]:
    """Steps that are not as the policy plans them."""
    if outlook(study, config.search) == "start":
        yield "the policy has still work to start"
    done: Counter[tuple[int, str]] = Counter()
    for trial in _complete(trials):
        if assignment := assignment_of(trial):
            done[assignment.step, assignment.kind] += 1
    for step in range(1, (config.search.steps or 0) + 1):
        if done[step, "probe"] < config.search.probes:
            yield f"step {step} has {done[step, 'probe']} probes"
        if done[step, "screen"] < config.search.trials_per_step:
            yield f"step {step} has {done[step, 'screen']} screens"
        if not done[step, "grow"]:
            yield f"step {step} has grown nothing"


def _unexplained(trials: list[FrozenTrial]) -> Iterator[str]:
    for trial in trials:
        if trial.state == TrialState.FAIL and not trial.user_attrs.get("reason"):
            yield f"trial {trial.number} failed without a reason"


def _broken(trials: list[FrozenTrial], records: StudyRecords) -> Iterator[str]:
    """Complete trials whose network, or a probe whose loss, is not recorded whole."""
    networks = {network.trial_number: network for network in records.networks()}
    for trial in _complete(trials):
        network = networks.get(trial.number)
        if is_complete_probe(trial):
            what = _fault_of_probe(trial)
        else:
            what = "has no row" if network is None else _fault_of(trial, network)
        if network is not None and not what:
            what = _fault_of_weights(records, network)
        if what:
            yield f"trial {trial.number} {what}"


def _fault_of(trial: FrozenTrial, network: NetworkRecord) -> str:
    parts = ("evaluations", "epochs", "widths")
    missing = [part for part in parts if not getattr(network, part)]
    if missing:
        return f"has no {', '.join(missing)}"
    if trial.values != [validation_accuracy(network), network.parameters]:
        return "and its row have other values"
    return ""


def _fault_of_probe(trial: FrozenTrial) -> str:
    keys = (HELD_BACK_LOSS_KEY, WIDTHS_KEY, PLANTING_KEY)
    missing = [key for key in keys if key not in trial.user_attrs]
    if missing:
        return f"has no {', '.join(missing)}"
    is_its_loss = trial.values[0] == -trial.user_attrs[HELD_BACK_LOSS_KEY]
    return "" if is_its_loss else "and its loss are not the same"


def _fault_of_weights(records: StudyRecords, network: NetworkRecord) -> str:
    if network.artifact_id is None or network.sha256 is None:
        return "has no weights"
    try:
        load_weights(records.store, network.artifact_id, network.sha256)
    except StorageError as error:
        return f"has weights that do not load: {error}"
    return ""


def duplicates(trials: Iterable[FrozenTrial]) -> list[str]:
    """Plantings of one parent that were screened, or grown, by two trials to the end."""
    made = grouped(
        ((assignment.kind, assignment.parent, trial.user_attrs.get("planting")), trial.number)
        for trial in _complete(trials)
        if (assignment := assignment_of(trial)) is not None
    )
    return [
        f"{work[0]} of {work[1]}, {work[2]}: trials {numbers}"
        for work, numbers in made.items()
        if len(numbers) > 1
    ]


def _unended(trials: list[FrozenTrial]) -> Iterator[str]:
    for trial in trials:
        if not trial.state.is_finished():
            yield f"trial {trial.number} is {trial.state.name}"


def _shown(trials: list[FrozenTrial], networks: list[NetworkRecord]) -> Iterator[str]:
    """Networks of the front whose trial did not end well."""
    complete = {trial.number for trial in _complete(trials)}
    for network in pareto_front(networks):
        if network.trial_number is not None and network.trial_number not in complete:
            yield f"the front has a network of trial {network.trial_number}, which is not complete"


def orphans(study: optuna.Study, records: StudyRecords, folders: Iterable[Path]) -> list[str]:
    """Files of the folder of artifacts that nothing refers to, and partial ones of all folders."""
    weights = Path(records.artifacts_place)
    known = {network.artifact_id for network in records.networks()}
    linked = get_all_artifact_meta(study)
    known |= {meta.artifact_id for meta in linked if meta.filename.startswith("teacher-")}
    found = {path for path in weights.iterdir() if path.is_file() and path.name not in known}
    for folder in folders:
        found.update(folder.rglob("*.partial"))
    return sorted(path.name for path in found)


def counted_reasons(trials: Iterable[FrozenTrial]) -> Counter[str]:
    """Why trials failed, without names and numbers."""
    failed = (trial for trial in trials if trial.state == TrialState.FAIL)
    reasons = (str(trial.user_attrs.get("reason", "no reason")) for trial in failed)
    return Counter(re.sub(r"\d+", "N", re.sub(r"\S+:\d+", "HOST:N", each)) for each in reasons)


def _complete(trials: Iterable[FrozenTrial]) -> list[FrozenTrial]:
    return [trial for trial in trials if trial.state == TrialState.COMPLETE]
