"""A study whose trials sleep instead of training: its past, and what its workers do.

Who runs the workers is in workers.py, what they find when they begin in past.py.
"""

import json
import math
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import optuna
from optuna.artifacts import FileSystemArtifactStore, upload_artifact
from optuna.storages._heartbeat import get_heartbeat_thread
from optuna.trial import FrozenTrial, TrialState

from plantnas.config import Search
from plantnas.errors import StudyError
from plantnas.measured import Epoch, Evaluation
from plantnas.records.database import Database
from plantnas.records.record import NetworkRecord, StudyRecord
from plantnas.records.study import StudyRecords
from plantnas.trials.assignments import assignment_of
from plantnas.trials.history import Reference
from plantnas.trials.owners import owned
from plantnas.trials.study import outlook

MOST_NEW_CHANNELS = 64
"""Of a group: so many that proposals hardly ever repeat."""
SEED = Reference(seed_accuracy=0.6, seed_cost=1000, teacher_cost=300_000)
"""What the studies say of seed and teacher."""


@dataclass(frozen=True)
class Setting:
    """One row: so many workers, trials of history, and seconds of a trial (mean).

    Workers start `together` or one after another within a trial; a `profile` counts statements.
    """

    workers: int
    history: int
    seconds: float
    trials_per_worker: int
    trials_per_step: int
    together: bool = False
    profile: bool = False


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
    networks = [
        network
        for name in database.study_names()
        for network in StudyRecords(database, name).networks()
    ]
    screened = [network for network in networks if network.kind == "screen"]
    if not screened:
        raise StudyError(f"{path}: has no study with screened networks.")
    return screened


def _made_up(rng: random.Random) -> NetworkRecord:
    parameters = int(1000 * 40 ** rng.random())
    accuracy = 0.6 + 0.08 * math.log10(parameters) + rng.gauss(0, 0.01)
    loss = 1.5 - accuracy
    epochs = [Epoch(e, 0.001, loss + 0.1 / e, loss, accuracy, 3.0) for e in (1, 2)]
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
    """The user attributes that a trial gets with its network, as in `searching/objective.py`."""
    return {
        "network": network_id,
        "macs": record.macs,
        "widths": json.dumps(record.widths),
        "validation_loss": record.evaluations[0].loss,
        **{f"seconds_{phase}": round(value, 3) for phase, value in record.seconds.items()},
    }


def study_record(name: str) -> StudyRecord:
    """A study that has nothing but trials."""
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
        self,
        records: StudyRecords,
        networks: Sequence[NetworkRecord],
        setting: Setting,
        number: int,
    ) -> None:
        self._records = records
        self._search = Search(steps=1000, trials_per_step=setting.trials_per_step)
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
        network_id = self._records.add(record, owned(trial))
        for key, value in attributes(record, network_id).items():
            trial.set_user_attr(key, value)
        self._mark()
        return record.evaluations[0].accuracy, float(record.parameters)

    def run(self, study: optuna.Study, trials: int) -> None:
        """So many trials one after the other, as the loop of a worker runs them."""
        study._thread_local.in_optimize_loop = True  # heartbeats outside of it are warned of
        for _ in range(trials):
            self._marks = [time.perf_counter()]
            assert outlook(study, self._search) == "start"
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
