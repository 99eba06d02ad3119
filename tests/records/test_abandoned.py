"""A network whose trial failed is no result; one that anything refers to is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from optuna.trial import TrialState
from sqlalchemy import text

from plantnas.records.abandoned import abandoned_networks, needed_artifacts, remove_abandoned
from plantnas.records.database import Database
from plantnas.records.study import StudyRecords
from plantnas.report.front import pareto_front

if TYPE_CHECKING:
    from pathlib import Path

    from plantnas.records.record import NetworkRecord
    from tests.conftest import StudyFolder


@pytest.fixture
def folder(finished: StudyFolder, tmp_path: Path) -> StudyFolder:
    return finished.copy(tmp_path / "study")


def network(folder: StudyFolder, kind: str, place: int) -> NetworkRecord:
    networks = folder.records.networks()
    return [each for each in networks if each.kind == kind][place]


def fail_trial(folder: StudyFolder, network: NetworkRecord) -> None:
    """As if its worker had died before it could tell."""
    change = text("UPDATE trials SET state = 'FAIL' WHERE number = :number")
    with Database(folder.url).engine.begin() as connection:
        connection.execute(change, {"number": network.trial_number})


def test_a_network_of_a_failed_trial_is_not_among_the_networks(folder: StudyFolder) -> None:
    last = network(folder, "grow", -1)
    database = Database(folder.url)
    assert last in pareto_front(StudyRecords(database, "tiny").networks())
    fail_trial(folder, last)
    assert last not in StudyRecords(database, "tiny").networks()
    with database.engine.connect() as connection:
        assert abandoned_networks(connection, "tiny") == [(last.id, last.trial_number)]
        assert last.artifact_id not in needed_artifacts(connection)


def test_no_other_is_left_out(folder: StudyFolder) -> None:
    database = Database(folder.url)
    complete = folder.open().get_trials(states=(TrialState.COMPLETE,))
    networks = StudyRecords(database, "tiny").networks()
    assert len(networks) == len(complete) + 2, "teacher and seed"
    with database.engine.connect() as connection:
        assert abandoned_networks(connection, "tiny") == []
        assert needed_artifacts(connection) == {each.artifact_id for each in networks}
        assert not remove_abandoned(connection, networks[-1].id or 0)


def test_a_parent_of_another_network_is_never_abandoned(folder: StudyFolder) -> None:
    parent = network(folder, "grow", 0)
    fail_trial(folder, parent)
    assert parent in folder.records.networks()


def test_what_a_baseline_is_compared_to_is_never_abandoned(folder: StudyFolder) -> None:
    target = network(folder, "grow", -1)
    baseline = "INSERT INTO plantnas_baselines VALUES (1, :target, 0, 0.01, 6, 1)"
    with Database(folder.url).engine.begin() as connection:
        connection.execute(text(baseline), {"target": target.id})
    fail_trial(folder, target)
    assert target in folder.records.networks()


def test_it_is_removed_with_all_its_rows(folder: StudyFolder) -> None:
    last, database = network(folder, "screen", -1), Database(folder.url)
    fail_trial(folder, last)
    with database.engine.begin() as connection:
        assert remove_abandoned(connection, last.id or 0)
        for table in ("widths", "epochs", "evaluations", "phases"):
            rows = text(f"SELECT count(*) FROM plantnas_{table} WHERE network_id = :id")
            assert connection.scalar(rows, {"id": last.id}) == 0


def test_without_optunas_tables_nothing_is_abandoned(tmp_path: Path) -> None:
    with Database(f"sqlite:///{tmp_path / 'study.db'}").engine.connect() as connection:
        assert abandoned_networks(connection, "tiny") == []
