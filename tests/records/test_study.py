"""Records come back as they were written, and what cannot be true is refused."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import torch
from sqlalchemy import event, insert
from sqlalchemy.exc import IntegrityError

from plantnas.channels.groups import widths
from plantnas.errors import PlantingError, StorageError, StudyError
from plantnas.measured import Epoch, Evaluation
from plantnas.records.database import Database
from plantnas.records.record import NetworkRecord, StudyRecord
from plantnas.records.study import StudyRecords, load_network
from plantnas.records.tables import NetworkRow
from tests.conftest import StudyFolder
from tests.records.conftest import ON_BOTH, as_added, rows

# Networks


@ON_BOTH
def test_a_network_comes_back_as_it_was_added(
    records: StudyRecords, network: NetworkRecord
) -> None:
    network_id = records.add(network)
    found = records.network(network_id)
    assert as_added(found) == network
    assert found.id == network_id
    assert found.created is not None
    assert abs(datetime.now(UTC) - found.created) < timedelta(minutes=1)


@ON_BOTH
def test_networks_of_one_training_are_each_others_parents(
    records: StudyRecords, network: NetworkRecord
) -> None:
    line = [replace(network, trial_number=number, parent_id=None) for number in (3, 4, 5)]
    ids = records.add_all(line, [None, 0, 1])
    assert [record.id for record in records.networks()] == ids
    assert [record.parent_id for record in records.networks()] == [None, *ids[:-1]]


@ON_BOTH
def test_networks_of_one_training_are_recorded_all_or_none(
    records: StudyRecords, network: NetworkRecord
) -> None:
    wrong = replace(network, trial_number=4, epochs=network.epochs[:1] * 2)
    with pytest.raises(StorageError):
        records.add_all([network, wrong], [None, None])
    assert records.networks() == []


@ON_BOTH
def test_loss_curves_are_of_a_steps_trials_of_one_kind(
    records: StudyRecords, network: NetworkRecord
) -> None:
    nan = network.epochs[0]._replace(validation_loss=math.nan)
    others = [{"kind": "grow"}, {"trial_number": 4, "step": 2}, {"trial_number": 2}]
    for changes in ({}, *others, {"trial_number": 5, "epochs": (nan,)}):
        records.add(replace(network, **changes))
    curves = records.loss_curves("screen", 1)
    assert list(curves) == [2, 3, 5]
    assert curves[2] == curves[3] == (0.8, 0.5)
    assert math.isnan(*curves[5])


def test_trials_that_have_written_a_network_are_known_by_their_numbers(
    records: StudyRecords, network: NetworkRecord
) -> None:
    records.add(replace(network, trial_number=4))
    records.add(replace(network, method="teacher", kind=None, trial_number=None))
    assert records.trials_with_networks() == {4}
    assert StudyRecords(records.database, "unknown").trials_with_networks() == set()


def test_widths_come_back_in_the_order_of_the_network(
    records: StudyRecords, network: NetworkRecord
) -> None:
    found = records.network(records.add(network))
    assert list(found.widths) == ["stem", "block", "a_head"]


@ON_BOTH
def test_a_moment_in_another_time_zone_comes_back_as_the_same_moment(
    records: StudyRecords, network: NetworkRecord
) -> None:
    created = datetime(2026, 1, 1, 0, 30, tzinfo=timezone(timedelta(hours=9)))
    network_id = records.add(replace(network, created=created))
    found = records.network(network_id).created
    assert found == created
    assert found.tzinfo == UTC


@ON_BOTH
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_diverged_loss_is_kept(
    records: StudyRecords, network: NetworkRecord, value: float
) -> None:
    epoch = Epoch(1, 0.1, value, value, 0.1, 1.0)
    network_id = records.add(replace(network, epochs=(epoch,)))
    (found,) = records.network(network_id).epochs
    assert repr(found) == repr(epoch)


def test_networks_are_those_of_the_study_alone_and_in_order(
    database: Database, records: StudyRecords, study: StudyRecord, network: NetworkRecord
) -> None:
    database.add_study(replace(study, name="other"))
    added = [replace(network, trial_number=number) for number in (5, 4, 6)]
    for one in added:
        records.add(one)
        StudyRecords(database, "other").add(replace(one, parameters=1))
    assert [as_added(one) for one in records.networks()] == added


def test_reading_networks_takes_the_same_queries_for_one_as_for_many(
    database: Database, records: StudyRecords, network: NetworkRecord
) -> None:
    statements: list[str] = []

    @event.listens_for(database.engine, "before_cursor_execute")
    def count(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    def queries() -> int:
        statements.clear()
        records.networks()
        return len(statements)

    records.add(network)
    before = queries()
    for number in range(10, 20):
        records.add(replace(network, trial_number=number))
    assert queries() == before <= 13


def test_an_unknown_network_is_refused_with_the_range_of_the_known(
    records: StudyRecords, study: StudyRecord, network: NetworkRecord
) -> None:
    with pytest.raises(StudyError, match="no network 1: it has none"):
        records.network(1)
    for number in range(3):
        records.add(replace(network, trial_number=number))
    with pytest.raises(StudyError, match="no network 4: its networks are 1 to 3"):
        records.network(4)


def test_a_network_of_another_study_is_unknown(
    database: Database, records: StudyRecords, study: StudyRecord, network: NetworkRecord
) -> None:
    database.add_study(replace(study, name="other"))
    network_id = StudyRecords(database, "other").add(network)
    with pytest.raises(StudyError, match="'digits' has no network"):
        records.network(network_id)


def test_a_network_is_found_by_its_trial(records: StudyRecords, network: NetworkRecord) -> None:
    records.add(replace(network, trial_number=2, parameters=1))
    records.add(network)
    found = records.network_of_trial(3)
    assert found is not None
    assert as_added(found) == network
    assert records.network_of_trial(4) is None


# What cannot be true


def test_a_network_of_an_unknown_study_is_refused(
    database: Database, network: NetworkRecord
) -> None:
    with pytest.raises(StudyError, match="no study 'digit'"):
        StudyRecords(database, "digit").add(network)


def test_the_database_itself_refuses_a_network_without_its_study(database: Database) -> None:
    orphan = insert(NetworkRow).values(
        study_id=99, method="seed", parameters=1, macs=1, created=datetime.now(UTC)
    )
    with database.engine.begin() as connection, pytest.raises(IntegrityError, match="FOREIGN KEY"):
        connection.execute(orphan)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"artifact_id": "2"}, id="a second network of the same trial and kind"),
        pytest.param({"trial_number": 4, "kind": None}, id="a trial's network without a kind"),
        pytest.param({"trial_number": 4, "parent_id": 99}, id="a parent that does not exist"),
        pytest.param({"trial_number": None, "method": "teacher"}, id="a second teacher"),
        pytest.param({"trial_number": None, "method": "seed"}, id="a second seed"),
        pytest.param(
            {"trial_number": 4, "evaluations": (Evaluation("holdout", 0.5, 0.5, 10),)},  # type: ignore[arg-type]
            id="an unknown split",
        ),
    ],
)
def test_what_cannot_be_true_is_refused(
    database: Database, records: StudyRecords, network: NetworkRecord, change: dict[str, Any]
) -> None:
    for method in ("teacher", "seed"):
        records.add(replace(network, method=method, kind=None, trial_number=None))
    records.add(network)
    before = rows(database)
    with pytest.raises(StorageError, match=r"study 'digits': .* constraint failed") as caught:
        records.add(replace(network, **change))
    assert "\n" not in str(caught.value)
    assert rows(database) == before


def test_two_studies_may_each_have_a_teacher_a_seed_and_a_third_trial(
    database: Database, study: StudyRecord, network: NetworkRecord
) -> None:
    database.add_study(replace(study, name="other"))
    for name in ("digits", "other"):
        StudyRecords(database, name).add(network)
        for method in ("teacher", "seed"):
            StudyRecords(database, name).add(
                replace(network, method=method, kind=None, trial_number=None)
            )
    assert rows(database)["plantnas_networks"] == 6


def test_a_parent_from_another_study_is_refused(
    database: Database, records: StudyRecords, study: StudyRecord, network: NetworkRecord
) -> None:
    database.add_study(replace(study, name="other"))
    parent_id = StudyRecords(database, "other").add(network)
    with pytest.raises(StorageError, match="FOREIGN KEY"):
        records.add(replace(network, parent_id=parent_id))


def test_a_planting_of_an_unknown_group_is_refused(
    records: StudyRecords, network: NetworkRecord
) -> None:
    with pytest.raises(PlantingError, match=r"'blok' is not a group .* Did you mean 'block'\?"):
        records.add(replace(network, planted={"blok": 4}))


# Evaluations that come later


def test_evaluations_are_added_to_recorded_networks(
    records: StudyRecords, network: NetworkRecord
) -> None:
    ids = [records.add(replace(network, trial_number=number)) for number in (1, 2)]
    test = Evaluation("test", 0.7, 0.6, 500)
    records.add_evaluations(dict.fromkeys(ids, test))
    for found in records.networks():
        assert found.evaluations == (*network.evaluations, test)


@ON_BOTH
def test_an_evaluation_that_exists_is_left_as_it_is(
    records: StudyRecords, network: NetworkRecord
) -> None:
    network_id = records.add(network)
    records.add_evaluations({network_id: Evaluation("validation", 0.1, 9.0, 1)})
    assert records.network(network_id).evaluations == network.evaluations


def test_evaluations_of_an_unknown_network_are_refused_together(
    records: StudyRecords, network: NetworkRecord
) -> None:
    network_id = records.add(network)
    test = Evaluation("test", 0.7, 0.6, 500)
    with pytest.raises(StudyError, match="no network 77"):
        records.add_evaluations({network_id: test, 77: test})
    assert records.network(network_id).evaluations == network.evaluations


def test_no_evaluations_are_nothing_to_do(records: StudyRecords) -> None:
    records.add_evaluations({})


# Built again


def test_every_network_of_a_study_has_its_recorded_widths(finished: StudyFolder) -> None:
    networks = finished.records.networks()
    assert len(networks) > 6
    for record in networks:
        network = load_network(finished.url, "tiny", record.id or 0)
        assert not network.training
        assert widths(network, finished.records.example) == record.widths
        assert sum(parameter.numel() for parameter in network.parameters()) == record.parameters


def test_fresh_weights_follow_from_the_seed_alone(finished: StudyFolder) -> None:
    networks = [finished.records.build({"features.0": 3}, seed) for seed in (1, 1, 2)]
    first, again, other = (network.state_dict()["features.0.weight"] for network in networks)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_an_unknown_network_is_refused_with_those_there_are(finished: StudyFolder) -> None:
    with pytest.raises(StudyError, match="has no network 999: its networks are 1 to"):
        load_network(finished.url, "tiny", 999)


def test_weights_that_were_not_kept_are_said_to_be(finished: StudyFolder) -> None:
    record = replace(finished.records.networks()[0], artifact_id=None)
    with pytest.raises(StudyError, match="were not kept"):
        finished.records.load(record)


def test_what_the_images_are_like_is_recorded(finished: StudyFolder) -> None:
    images = finished.records.images
    assert (images.num_classes, images.channels, images.height, images.width) == (10, 1, 8, 8)
    assert finished.records.example.shape == (2, 1, 8, 8)


def test_records_may_be_asked_for_a_study_that_is_recorded_later(
    url: str, study: StudyRecord
) -> None:
    database = Database(url)
    records = StudyRecords(database, study.name)
    assert records.find() is None
    database.add_study(study)
    assert records.record == study


def test_damaged_weights_are_refused(finished: StudyFolder, tmp_path: Path) -> None:
    study = finished.copy(tmp_path / "study")
    record = study.records.networks()[-1]
    file = study.directory / "weights" / str(record.artifact_id)
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(StorageError, match="weights"):
        load_network(study.url, "tiny", record.id or 0)
