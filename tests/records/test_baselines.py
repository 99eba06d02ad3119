"""Baselines come back as they were written, and each has a target in its own study."""

from dataclasses import replace

import pytest
from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError

from plantnas.errors import StudyError
from plantnas.records.database import Database
from plantnas.records.record import NetworkRecord, StudyRecord
from plantnas.records.study import StudyRecords
from plantnas.records.tables import BaselineRow, StudyRow


@pytest.mark.parametrize("uses_teacher", [True, False])
def test_a_baseline_comes_back_as_it_was_added(
    records: StudyRecords, baseline: NetworkRecord, uses_teacher: bool
) -> None:
    assert baseline.baseline is not None
    added = replace(baseline, baseline=replace(baseline.baseline, uses_teacher=uses_teacher))
    network_id = records.add(added)
    found = records.network(network_id)
    assert replace(found, id=None, created=None) == added


def test_one_network_of_a_search_may_be_the_baseline_of_two_targets(
    records: StudyRecords, network: NetworkRecord, baseline: NetworkRecord
) -> None:
    assert baseline.baseline is not None
    other = records.add(replace(network, trial_number=4, artifact_id="other"))
    again = replace(baseline, baseline=replace(baseline.baseline, target_id=other))
    ids = [records.add(each) for each in (baseline, again, baseline, again)]
    assert ids[0] != ids[1]
    assert ids[2:] == ids[:2], "their answers were lost"


def test_a_network_that_is_no_baseline_has_no_baseline_run(
    records: StudyRecords, baseline: NetworkRecord
) -> None:
    records.add(baseline)
    runs = [network.baseline for network in records.networks()]
    assert runs == [None, baseline.baseline]


def test_a_target_from_another_study_is_refused(
    database: Database, study: StudyRecord, baseline: NetworkRecord
) -> None:
    database.add_study(replace(study, name="other"))
    with pytest.raises(StudyError, match="study 'other' has no network 1"):
        StudyRecords(database, "other").add(baseline)
    assert StudyRecords(database, "other").networks() == []


def test_the_database_itself_refuses_a_baseline_without_its_target(
    database: Database, records: StudyRecords, network: NetworkRecord
) -> None:
    network_id = records.add(network)
    orphan = insert(BaselineRow).values(
        network_id=network_id,
        target_id=99,
        repetition=0,
        learning_rate=0.1,
        budget_epochs=1,
        uses_teacher=False,
    )
    with database.engine.begin() as connection, pytest.raises(IntegrityError, match="FOREIGN KEY"):
        connection.execute(orphan)


def test_deleting_a_study_deletes_its_baselines(
    database: Database, records: StudyRecords, baseline: NetworkRecord
) -> None:
    records.add(baseline)
    with database.engine.begin() as connection:
        connection.execute(delete(StudyRow).where(StudyRow.name == "digits"))
        assert connection.execute(select(BaselineRow)).all() == []
