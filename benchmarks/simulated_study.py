"""A study whose trials sleep instead of training: its past, and what its workers do.

Who runs the workers and what is measured is in `simulate_cluster.py`.
"""

import json
import math
import random
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import optuna
from optuna.artifacts import FileSystemArtifactStore, upload_artifact
from optuna.distributions import IntDistribution, distribution_to_json
from optuna.storages._heartbeat import get_heartbeat_thread
from optuna.storages._rdb import models
from optuna.trial import FrozenTrial, TrialState, create_trial
from sqlalchemy import Connection, insert, select

from plantnas.config import Search
from plantnas.errors import StudyError
from plantnas.records.database import Database
from plantnas.records.network_rows import network_row, rows_of_network
from plantnas.records.record import EpochRecord, Evaluation, NetworkRecord, StudyRecord
from plantnas.records.tables import (
    NetworkRow,
    StudyRow,
)
from plantnas.trials.assignments import ASSIGNMENT_KEY, assignment_of, record_of
from plantnas.trials.history import Assignment, Reference
from plantnas.trials.owners import owned
from plantnas.trials.policies import Greedy
from plantnas.trials.study import has_nothing_to_start

MOST_NEW_CHANNELS = 64
"""Of a group: so many that proposals hardly ever repeat."""
SEED = Reference(seed_accuracy=0.6, seed_parameters=1000, teacher_parameters=300_000)
"""What the studies say of seed and teacher."""


@dataclass(frozen=True)
class Setting:
    """One row: so many workers, trials of history, and seconds of a trial (mean)."""

    workers: int
    history: int
    seconds: float
    trials_per_worker: int
    trials_per_step: int
    together: bool = False


class Timing(NamedTuple):
    """Seconds of one complete trial."""

    ask: float
    record: float
    tell: float


def recorded_networks(path: Path | None) -> list[NetworkRecord]:
    """The screened networks of a real study, or made-up ones of the size of Fashion-MNIST's.

    Raises:
        StudyError: The database has no study with screened networks.
    """
    if path is None:
        return [_made_up(random.Random(number)) for number in range(50)]
    database = Database(f"sqlite:///{path}")
    networks = [net for study in database.study_names() for net in database.networks(study)]
    screened = [network for network in networks if network.kind == "screen"]
    if not screened:
        raise StudyError(f"{path}: has no study with screened networks.")
    return screened


def _made_up(rng: random.Random) -> NetworkRecord:
    parameters = int(1000 * 40 ** rng.random())
    accuracy = 0.6 + 0.08 * math.log10(parameters) + rng.gauss(0, 0.01)
    loss = 1.5 - accuracy
    epochs = [EpochRecord(e, 0.001, loss + 0.1 / e, loss, accuracy, 3.0) for e in (1, 2)]
    return NetworkRecord(
        method="planting",
        kind="screen",
        trial_number=0,
        parent_id=None,
        step=1,
        parameters=parameters,
        macs=80 * parameters,
        widths={f"features.{number}": 8 for number in (0, 3, 7, 10, 14, 17)},
        planted={},
        evaluations=(Evaluation("validation", accuracy, loss, 3000),),
        epochs=tuple(epochs),
        artifact_id=None,
        sha256=None,
        seconds={"planting": 0.005, "prefix": 0.2, "training": rng.gauss(6, 1), "evaluation": 0.2},
    )


def trial_record(drawn: NetworkRecord, trial: FrozenTrial | optuna.Trial) -> NetworkRecord:
    """A recorded network as if it were this trial's."""
    assignment = assignment_of(trial)
    assert assignment is not None
    return replace(
        drawn,
        kind=assignment.kind,
        step=assignment.step,
        trial_number=trial.number,
        planted={name: count for name, count in trial.params.items() if count},
        parent_id=None,
        id=None,
        created=None,
    )


def attributes(record: NetworkRecord, network_id: int) -> dict[str, Any]:
    """The user attributes that a trial gets with its network, as in `search/objective.py`."""
    return {
        "network": network_id,
        "macs": record.macs,
        "widths": json.dumps(record.widths),
        "validation_loss": record.evaluations[0].loss,
        **{f"seconds_{phase}": round(value, 3) for phase, value in record.seconds.items()},
    }


def study_record(name: str) -> StudyRecord:
    """Of a study that has nothing but trials."""
    return StudyRecord(
        name=name,
        optuna_study_id=None,
        configuration={},
        configuration_hash="",
        artifacts=".",
        versions={},
        hardware={},
        created=datetime.now(UTC),
    )


class Simulation:
    """The trials of a worker."""

    def __init__(
        self, database: Database, networks: Sequence[NetworkRecord], setting: Setting, number: int
    ) -> None:
        self._database = database
        self._search = Search(steps=10**6, trials_per_step=setting.trials_per_step)
        self._networks = networks
        self._setting = setting
        self._rng = random.Random(number)
        self._store = FileSystemArtifactStore(tempfile.gettempdir())
        self._marks = [0.0]
        self.timings: list[Timing] = []

    def __call__(self, trial: optuna.Trial) -> tuple[float, float]:
        """A trial of `PlantingObjective`, which sleeps where that one trains."""
        self._propose(trial)
        self._mark()
        drawn = self._rng.choice(self._networks)
        mean = statistics.mean(sum(network.seconds.values()) for network in self._networks)
        time.sleep(self._setting.seconds * sum(drawn.seconds.values()) / mean)
        self._mark()
        record = trial_record(drawn, trial)
        with tempfile.NamedTemporaryFile() as weights:
            upload_artifact(
                artifact_store=self._store, file_path=weights.name, study_or_trial=trial
            )
        network_id = self._database.add_network(trial.study.study_name, record, owned(trial))
        for key, value in attributes(record, network_id).items():
            trial.set_user_attr(key, value)
        self._mark()
        return record.evaluations[0].accuracy, float(record.parameters)

    def run(self, study: optuna.Study, trials: int) -> None:
        """So many trials one after the other, as the loop of a worker runs them."""
        study._thread_local.in_optimize_loop = True  # heartbeats outside of it are warned of
        for _ in range(trials):
            self._marks = [time.perf_counter()]
            assert not has_nothing_to_start(study, self._search)
            trial = study.ask()
            with get_heartbeat_thread(trial._trial_id, study._storage):
                try:
                    study.tell(trial, self(trial), skip_if_finished=True)
                except optuna.TrialPruned:
                    study.tell(trial, state=TrialState.PRUNED, skip_if_finished=True)
                    continue
            self._mark()
            begun, asked, slept, recorded, told = self._marks
            self.timings.append(Timing(asked - begun, recorded - slept, told - recorded))

    def _propose(self, trial: optuna.Trial) -> None:
        assignment = assignment_of(trial)
        planting = {
            group: trial.suggest_int(group, 0, MOST_NEW_CHANNELS)
            for group in self._networks[0].widths
        }
        shown = json.dumps(planting)
        trial.set_user_attr("planting", shown)
        trial.set_user_attr("parameters", self._networks[0].parameters)
        trial.set_constraint("parameters", -1.0)
        states = (TrialState.COMPLETE, TrialState.RUNNING)
        for other in trial.study.get_trials(deepcopy=False, states=states):
            twin = assignment_of(other) == assignment and other.user_attrs.get("planting") == shown
            if twin and other.number < trial.number:
                raise optuna.TrialPruned(f"trial {other.number} has the same planting")

    def _mark(self) -> None:
        self._marks.append(time.perf_counter())


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


def complete_trials(database: Database, study: optuna.Study) -> int:
    """The trials that are complete in the database; each has one network, and a number of its own.

    Raises:
        StudyError: They do not agree.
    """
    trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    finished = Counter(trial.number for trial in trials)
    recorded = Counter(network.trial_number for network in database.networks(study.study_name))
    if finished != recorded or max(finished.values(), default=1) > 1:
        raise StudyError(
            f"study {study.study_name!r}: {len(trials)} trials are complete, but there are "
            f"{recorded.total()} networks of {len(recorded)} trials."
        )
    return len(trials)
