"""By real processes what is missing is made, once, and what cannot be made is said."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import pytest
from sqlalchemy import delete

from plantnas.baselines.launch import in_processes, make_baselines
from plantnas.baselines.methods import method_named
from plantnas.baselines.planning import Request, Task, lineage_epochs
from plantnas.listening import TrainingProgress, listening
from plantnas.place import Place
from plantnas.records.database import Database
from plantnas.records.record import NetworkRecord
from plantnas.records.study import StudyRecords
from plantnas.records.tables import NetworkRow
from plantnas.report.entries import chosen_rates

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import StudyFolder

pytestmark = pytest.mark.slow

GRID = (0.01, 0.02)
NAMES = ("taylor-global-kd", "uniform", "search-kd")


class Launched(NamedTuple):
    """A study whose baselines were made, and what was said meanwhile."""

    folder: StudyFolder
    request: Request
    said: list[str]
    refused: list[Task]
    heard: list[TrainingProgress]
    counted: list[tuple[int, int]]

    @property
    def networks(self) -> list[NetworkRecord]:
        return StudyRecords(Database(self.folder.url), "tiny").networks()

    @property
    def baselines(self) -> dict[Task, NetworkRecord]:
        return {
            Task(each.method, run.target_id, run.repetition, run.learning_rate): each
            for each in self.networks
            if (run := each.baseline) is not None
        }


def launch(folder: StudyFolder, request: Request) -> Launched:
    said, heard, counted = list[str](), list[TrainingProgress](), list[tuple[int, int]]()
    place = Place("tiny", folder.url, folder.directory)

    def count(made: int, total: int) -> None:
        counted.append((made, total))

    with listening(heard.append), in_processes(1, ["cpu"]) as crew:
        refused = make_baselines(place, request, crew, said.append, count)
    return Launched(folder, request, said, refused, heard, counted)


@pytest.fixture(scope="module")
def launched(quick: StudyFolder, tmp_path_factory: pytest.TempPathFactory) -> Launched:
    """Not to be changed, but copied."""
    folder = quick.copy(tmp_path_factory.mktemp("launched") / "study")
    networks = folder.records.networks()
    targets = tuple(each for each in networks if each.kind == "grow")
    return launch(folder, Request({name: method_named(name) for name in NAMES}, targets, 1, GRID))


def test_the_grid_is_made_on_one_target_and_the_chosen_rate_on_all(launched: Launched) -> None:
    made, rates = launched.baselines, chosen_rates(launched.networks)
    small, large = (target.id for target in launched.request.targets)
    for name in ("taylor-global-kd", "uniform"):
        assert {(task.target_id, task.learning_rate) for task in made if task.method == name} == {
            (large, GRID[0]),
            (large, GRID[1]),
            (small, rates[name]),
        }


def test_what_other_processes_train_is_heard_of_with_all_epochs_of_its_budget(
    launched: Launched,
) -> None:
    small, large = launched.request.targets
    title = f"at {large.parameters:,} parameters, rate 0.01"
    theirs = [each for each in launched.heard if (each.kind, each.detail) == ("uniform", title)]
    epochs = lineage_epochs(launched.networks, large)
    assert [each.epoch for each in theirs] == list(range(1, epochs + 1))
    assert {each.epochs for each in theirs} == {epochs}
    assert {each.kind for each in launched.heard} == set(NAMES)
    assert small != large


def test_networks_are_counted_up_to_all_that_were_wanted(launched: Launched) -> None:
    total = len(launched.baselines)
    assert {total for _, total in launched.counted} == {total}
    assert launched.counted[0] == (0, total)
    assert launched.counted[-1] == (total, total)


def test_nothing_is_made_twice(launched: Launched) -> None:
    made = [each for each in launched.networks if each.baseline]
    assert len(made) == len(launched.baselines) == 2 * 3 + 2


def test_what_the_search_tried_is_recorded_beside_its_picks(launched: Launched) -> None:
    theirs = [each for each in launched.networks if each.method == "search-kd"]
    counts = Counter(each.kind for each in theirs)
    assert counts["baseline"] == 2
    assert counts["trial"] >= 1
    weights = {each.artifact_id for each in theirs if each.kind == "trial"}
    assert {each.artifact_id for each in theirs if each.kind == "baseline"} <= weights


def test_the_search_had_as_many_seconds_as_the_planting(launched: Launched) -> None:
    planted = [each for each in launched.networks if each.method in ("seed", "planting")]
    trials = [each for each in launched.networks if each.kind == "trial"]
    given = sum(sum(each.seconds.values()) for each in planted)
    epochs = [epoch.seconds for trial in trials for epoch in trial.epochs]
    # Trials of the planting that left no network have taken seconds too.
    assert sum(epochs) + epochs[-1] > given


def test_no_budget_is_exceeded(launched: Launched) -> None:
    networks = {each.id: each for each in launched.networks}
    for task, each in launched.baselines.items():
        allowed = lineage_epochs(list(networks.values()), networks[task.target_id])
        assert len(each.epochs) <= allowed
        assert (len(each.epochs) == allowed) or task.method == "search-kd"


def test_each_network_is_said_with_its_size_and_accuracy(launched: Launched) -> None:
    assert "search-kd: has spent its seconds" in launched.said
    for task, each in launched.baselines.items():
        assert any(
            line.startswith(task.method)
            and f"rate {task.learning_rate:g}: {each.parameters:,} parameters" in line
            and f"{each.evaluations[0].accuracy:.2%} on validation" in line
            for line in launched.said
        )


def test_nothing_was_refused(launched: Launched) -> None:
    assert launched.refused == []
    assert not [line for line in launched.said if "not made" in line]


def test_a_second_call_makes_nothing_and_says_nothing(launched: Launched) -> None:
    before = launched.networks
    again = launch(launched.folder, launched.request)
    assert (again.said, again.refused) == ([], [])
    assert again.networks == before


LOST = ("taylor-global-kd", "uniform")
HUGE = 10_000_000


@pytest.fixture(scope="module")
def relaunched(launched: Launched, tmp_path_factory: pytest.TempPathFactory) -> Launched:
    """After these methods' networks for the larger target were lost, and beside a huge target."""
    folder = launched.folder.copy(tmp_path_factory.mktemp("relaunched") / "study")
    small, large = launched.request.targets
    lost = [
        each.id
        for task, each in launched.baselines.items()
        if task.target_id == large.id and task.method in LOST
    ]
    records = folder.records
    with records.database.engine.begin() as connection:
        connection.execute(delete(NetworkRow).where(NetworkRow.id.in_(lost)))
    made_up = replace(large, id=None, parameters=HUGE, trial_number=None)
    huge = records.network(records.add(made_up))
    methods = {name: method_named(name) for name in LOST}
    return launch(folder, Request(methods, (small, large, huge), 1, GRID))


def test_what_was_lost_is_made_alone(launched: Launched, relaunched: Launched) -> None:
    kept = {each.artifact_id for each in launched.networks}
    made = [each for each in relaunched.baselines.values() if each.artifact_id not in kept]
    assert Counter(each.method for each in made) == dict.fromkeys(LOST, 2)


def test_a_worker_makes_the_same_networks_bit_for_bit(
    launched: Launched, relaunched: Launched
) -> None:
    first, again = launched.baselines, relaunched.baselines
    assert {task: each.sha256 for task, each in first.items()} == {
        task: each.sha256 for task, each in again.items()
    }


def test_what_cannot_be_made_is_returned(relaunched: Launched) -> None:
    huge, rates = relaunched.request.targets[2].id, chosen_rates(relaunched.networks)
    assert set(relaunched.refused) == {Task(name, huge, 0, rates[name]) for name in LOST}


def test_what_cannot_be_made_is_tried_once_and_a_line_says_why(relaunched: Launched) -> None:
    lines = [line for line in relaunched.said if f"at {HUGE:,} parameters" in line]
    assert sorted(line.partition(" ")[0] for line in lines) == list(LOST)
    why = f"not made: {HUGE:,} parameters are not reached by whole channels"
    assert all(why in line for line in lines)


SCRIPT = """
import signal
from plantnas.baselines.launch import _context

if __name__ == "__main__":
    with _context().Pool(1) as pool:
        print(signal.SIGINT in pool.apply(signal.pthread_sigmask, (signal.SIG_BLOCK, [])))
    print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))
"""


def test_ctrl_c_is_blocked_in_processes_from_their_first_import_on(tmp_path: Path) -> None:
    file = tmp_path / "script.py"
    file.write_text(SCRIPT)
    ended = subprocess.run([sys.executable, file], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["True", "False"]
