"""The history of a simulated study: trials and networks as if workers had left them, at once."""

import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import optuna
from optuna.distributions import IntDistribution, distribution_to_json
from optuna.storages._rdb import models
from optuna.trial import FrozenTrial, TrialState, create_trial
from sqlalchemy import Connection, insert, select

from benchmarks.simulation.study import (
    MOST_NEW_CHANNELS,
    SEED,
    Setting,
    attributes,
    trial_record,
)
from plantnas.errors import StudyError
from plantnas.records.database import Database
from plantnas.records.network_rows import network_row, rows_of_network
from plantnas.records.optuna_tables import ASSIGNMENT_KEY
from plantnas.records.record import NetworkRecord
from plantnas.records.study import StudyRecords
from plantnas.records.tables import NetworkRow, StudyRow
from plantnas.trials.assignments import record_of
from plantnas.trials.history import Assignment
from plantnas.trials.policies import Greedy


def past_trials(
    setting: Setting, networks: Sequence[NetworkRecord], policy: Greedy
) -> list[FrozenTrial]:
    """A history as one worker would have left it: full steps, and the beginning of the next one."""
    rng, trials, parent, step = random.Random(0), list[FrozenTrial](), None, 1
    screens: list[FrozenTrial] = []
    for number in range(setting.history):
        if len(screens) < setting.trials_per_step:
            trials.append(_past_trial(number, Assignment("screen", step, parent), networks, rng))
            screens.append(trials[-1])
            continue
        best = policy.winners([record_of(screen) for screen in screens], SEED, step)[0].number
        trials.append(_past_trial(number, Assignment("grow", step, parent, best), networks, rng))
        screens, parent, step = [], number, step + 1
    return trials


def _past_trial(
    number: int, assignment: Assignment, networks: Sequence[NetworkRecord], rng: random.Random
) -> FrozenTrial:
    drawn = rng.choice(networks)
    planting = {group: rng.randint(0, MOST_NEW_CHANNELS) for group in drawn.widths}
    parent = "seed" if assignment.parent is None else assignment.parent
    shown = {"kind": assignment.kind, "step": assignment.step, "parent": parent, "worker": "past"}
    trial = create_trial(
        params=planting,
        distributions=dict.fromkeys(planting, IntDistribution(0, MOST_NEW_CHANNELS)),
        values=[drawn.evaluations[0].accuracy, float(drawn.parameters)],
        user_attrs=attributes(drawn, number)
        | shown
        | {"planting": json.dumps(planting), "parameters": drawn.parameters},
        system_attrs={
            ASSIGNMENT_KEY: asdict(assignment),
            "constraints:parameters": -1.0,
            f"artifacts:{number}": "{}",
        },
    )
    trial.number = number
    return trial


def insert_history(
    study: optuna.Study,
    database: Database,
    trials: Sequence[FrozenTrial],
    networks: Sequence[NetworkRecord],
) -> None:
    """All trials and their networks in a few statements."""
    if not trials:
        return
    with database.engine.begin() as connection:
        _insert_trials(connection, study._study_id, trials)
        of_study = StudyRow.name == study.study_name
        study_id = connection.scalar(select(StudyRow.id).where(of_study))
        records = [trial_record(networks[t.number % len(networks)], t) for t in trials]
        rows = [network_row(record) | {"study_id": study_id} for record in records]
        connection.execute(insert(NetworkRow), rows)
        ids = select(NetworkRow.trial_number, NetworkRow.id)
        id_of = dict(connection.execute(ids.where(NetworkRow.study_id == study_id)).all())
        children: dict[type, list[dict[str, Any]]] = {}
        for record in records:
            for table, values in rows_of_network(record).items():
                network_id = {"network_id": id_of[record.trial_number]}
                children.setdefault(table, []).extend(network_id | value for value in values)
        for table, values in children.items():
            if values:
                connection.execute(insert(table), values)


def _insert_trials(connection: Connection, study_id: int, trials: Sequence[FrozenTrial]) -> None:
    """In Optuna's tables, all that a finished trial leaves in them."""
    hour = datetime.now() - timedelta(hours=1)
    common = {"study_id": study_id, "state": TrialState.COMPLETE}
    times = {"datetime_start": hour, "datetime_complete": hour}
    rows = [common | times | {"number": trial.number} for trial in trials]
    connection.execute(insert(models.TrialModel), rows)
    ids = select(models.TrialModel.number, models.TrialModel.trial_id)
    id_of = dict(connection.execute(ids.where(models.TrialModel.study_id == study_id)).all())
    pairs = [({"trial_id": id_of[trial.number]}, trial) for trial in trials]
    finite = {"value_type": models.TrialValueModel.TrialValueType.FINITE}
    rows_of: dict[type, list[dict[str, Any]]] = {
        models.TrialValueModel: [
            key | finite | {"objective": objective, "value": value}
            for key, trial in pairs
            for objective, value in enumerate(trial.values)
        ],
        models.TrialParamModel: [
            key
            | {
                "param_name": name,
                "param_value": float(value),
                "distribution_json": distribution_to_json(trial.distributions[name]),
            }
            for key, trial in pairs
            for name, value in trial.params.items()
        ],
        models.TrialUserAttributeModel: [
            key | {"key": name, "value_json": json.dumps(value)}
            for key, trial in pairs
            for name, value in trial.user_attrs.items()
        ],
        models.TrialSystemAttributeModel: [
            key | {"key": name, "value_json": json.dumps(value)}
            for key, trial in pairs
            for name, value in trial.system_attrs.items()
        ],
    }
    for table, values in rows_of.items():
        connection.execute(insert(table), values)


def complete_trials(records: StudyRecords, study: optuna.Study) -> int:
    """The trials that are complete in the database; each has one network, and a number of its own.

    Raises:
        StudyError: They do not agree.
    """
    trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    finished = Counter(trial.number for trial in trials)
    recorded = Counter(network.trial_number for network in records.networks())
    if finished != recorded or max(finished.values(), default=1) > 1:
        raise StudyError(
            f"study {study.study_name!r}: {len(trials)} trials are complete, but there are "
            f"{recorded.total()} networks of {len(recorded)} trials."
        )
    return len(trials)
