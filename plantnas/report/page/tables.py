"""What the report page says in tables and words, as plain data. How it looks is in templates/.

The plots are in plots.py.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import yaml
from optuna.trial import TrialState

from plantnas.records.optuna_tables import STATES
from plantnas.records.record import NetworkRecord
from plantnas.report.comparison.comparison import Comparison, compared
from plantnas.report.entries import (
    accuracy_on,
    compared_networks,
    seconds_of,
    targets_of,
)
from plantnas.report.finished_trials import is_complete_probe, utc
from plantnas.report.front import FINISH, PLANTING, front_and_references, lineage
from plantnas.report.headline import export_command
from plantnas.report.study_data import StudyData
from plantnas.report.terminal import cost_text


class NetworkRow(NamedTuple):
    """A row of the table to pick from.

    Attributes:
        network_id: Its number.
        method: What made it.
        beside: Of a baseline, the planted network of its size; else None.
        step: The planting's; 0 for the seed, None for the teacher.
        widths: Channels of each group.
        parameters: Number of parameters.
        share: Parameters over the teacher's, 0 to 1; None without a teacher.
        macs: Multiply-accumulates for an image.
        cost: What the study trades accuracy for.
        cost_text: The same in words, with the share of the teacher's.
        validation: Accuracy, 0 to 1, or other metric; None where it was not evaluated.
        test: Likewise.
        gap: Accuracy on the training split minus that on validation; None if either is missing.
        seconds: Of all phases of making it and its ancestors, without the teacher.
        command: Saves it as a file; None for what is neither planted nor finished.
    """

    network_id: int
    method: str
    beside: int | None
    step: int | None
    widths: tuple[int, ...]
    parameters: int
    share: float | None
    macs: int
    cost: float
    cost_text: str
    validation: float | None
    test: float | None
    gap: float | None
    seconds: float
    command: str | None


class Fact(NamedTuple):
    """A line of what the study was made with."""

    name: str
    text: str


def network_rows(recorded: StudyData) -> list[NetworkRow]:
    """The Pareto front, seed, teacher, and baselines at their chosen rates, cheapest first."""
    baselines = [each for each in compared_networks(recorded.networks) if each.baseline]
    front = front_and_references(recorded.networks)
    shown = {record.id: record for record in (*front, *baselines)}.values()
    teacher, rows = recorded.teacher, list[NetworkRow]()
    for record in sorted(shown, key=lambda each: each.cost):
        assert record.id is not None
        validation, train = accuracy_on(record, "validation"), accuracy_on(record, "train")
        is_taken = record.method == PLANTING or record.kind == FINISH
        made = [record] if record.baseline else lineage(recorded.networks, record)
        rows.append(
            NetworkRow(
                network_id=record.id,
                method=record.method,
                beside=record.baseline.target_id if record.baseline else None,
                step=record.step,
                widths=tuple(record.widths.values()),
                parameters=record.parameters,
                share=record.parameters / teacher.parameters if teacher else None,
                macs=record.macs,
                cost=record.cost,
                cost_text=cost_text(record, recorded.networks),
                validation=validation,
                test=accuracy_on(record, "test"),
                gap=None if validation is None or train is None else train - validation,
                seconds=seconds_of(made),
                command=export_command(recorded.name, record.id) if is_taken else None,
            )
        )
    return rows


def group_names(networks: Sequence[NetworkRecord]) -> list[str]:
    """The channel groups in the order of the network."""
    return list(networks[0].widths) if networks else []


def progress_text(recorded: StudyData, now: datetime) -> str | None:
    """What is missing yet and when that was read; None of a study that has grown all its steps.

    Args:
        recorded: What is recorded.
        now: When it was read; one without a time zone is local.
    """
    running = sum(trial.state == TrialState.RUNNING for trial in recorded.trials)
    grown = max((each.step or 0 for each in recorded.networks if each.kind == "grow"), default=0)
    wanted = _setting(recorded, "search", "steps")
    if not running and (wanted is None or grown >= wanted):
        return None
    steps = f"step {grown}" if wanted is None else f"step {grown} of {wanted}"
    trials = f"{running} trial{'' if running == 1 else 's'}"
    what = f"{trials} still ran" if running else "no trial ran"
    return f"Read at {shown_time(now)}: {what}, and networks were grown up to {steps}."


def facts(recorded: StudyData, now: datetime) -> list[Fact]:
    """What the study was made with and when, and how its trials ended."""
    study, seed = recorded.study, _setting(recorded, "random_seed")
    made = [network.created for network in recorded.networks if network.created]
    counts = Counter(trial.state.name for trial in recorded.trials)
    probes = sum(map(is_complete_probe, recorded.trials))
    notes = {"refused": ", not trained"}
    if probes:
        notes["complete"] = f", {probes} of them probes"
    ends = [
        f"{counts[state]} {words.shown}{notes.get(words.shown, '')}"
        for state, words in STATES.items()
        if counts[state]
    ]
    found = [
        Fact("random seed", "" if seed is None else str(seed)),
        Fact("versions", _listed(study.versions)),
        Fact("hardware", _listed(study.hardware)),
        Fact("study created", shown_time(study.created)),
        Fact("last network recorded", shown_time(max(made)) if made else ""),
        Fact("page written", shown_time(now)),
        Fact("trials", f"{len(recorded.trials)}: {'; '.join(ends)}" if ends else ""),
        Fact("networks recorded", str(len(recorded.networks))),
    ]
    return [fact for fact in found if fact.text]


def configuration_text(configuration: Mapping[str, Any]) -> str:
    """A configuration as YAML, in its own order."""
    return yaml.safe_dump(dict(configuration), sort_keys=False, allow_unicode=True)


def shown_time(moment: datetime) -> str:
    """A moment to the minute, in UTC; one without a time zone is local."""
    return f"{utc(moment):%Y-%m-%d %H:%M} UTC"


def own_comparison(recorded: StudyData) -> Comparison | None:
    """The study beside its baselines, None if it has none.

    Raises:
        StudyError: Its trials are not known, and so not what its search cost.
    """
    if not targets_of(recorded.networks):
        return None
    return compared([(recorded.name, recorded)], np.random.default_rng(0))


def _listed(named: Mapping[str, Any]) -> str:
    """`plantnas 0.1.0, torch 2.9`; an empty list is "none"."""
    listed = []
    for name, value in named.items():
        if isinstance(value, list):
            value = ", ".join(map(str, value)) or "none"
        listed.append(f"{name.replace('_', ' ')} {value}")
    return ", ".join(listed)


def _setting(recorded: StudyData, *keys: str) -> Any:
    """A value of the recorded configuration, None if it is not there."""
    value: Any = recorded.study.configuration
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value
