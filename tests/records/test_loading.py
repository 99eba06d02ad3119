"""A recorded network can be built again, and says clearly when it cannot."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from plantnas.channels.groups import widths
from plantnas.errors import StorageError, StudyError
from plantnas.records.database import Database
from plantnas.records.loading import example_images, load_network, network_at, network_of
from tests.conftest import StudyFolder


def test_every_network_of_a_study_has_its_recorded_widths(finished: StudyFolder) -> None:
    database = Database(finished.url)
    images = database.study("tiny").configuration["images"]
    records = database.networks("tiny")
    assert len(records) > 6
    for record in records:
        network = load_network(finished.url, "tiny", record.id or 0)
        assert not network.training
        assert widths(network, example_images(images)) == record.widths
        assert sum(parameter.numel() for parameter in network.parameters()) == record.parameters


def test_fresh_weights_follow_from_the_seed_alone(finished: StudyFolder) -> None:
    images = Database(finished.url).study("tiny").configuration["images"]
    space = finished.config.search_space
    networks = [network_at(space, images, {"features.0": 3}, seed) for seed in (1, 1, 2)]
    first, again, other = (network.state_dict()["features.0.weight"] for network in networks)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_an_unknown_network_is_refused_with_those_there_are(finished: StudyFolder) -> None:
    with pytest.raises(StudyError, match="has no network 999: its networks are 1 to"):
        load_network(finished.url, "tiny", 999)


def test_weights_that_were_not_kept_are_said_to_be(finished: StudyFolder) -> None:
    database = Database(finished.url)
    record = replace(database.networks("tiny")[0], artifact_id=None)
    with pytest.raises(StudyError, match="were not kept"):
        network_of(database, "tiny", record)


def test_damaged_weights_are_refused(finished: StudyFolder, tmp_path: Path) -> None:
    study = finished.copy(tmp_path / "study")
    record = Database(study.url).networks("tiny")[-1]
    file = study.directory / "weights" / str(record.artifact_id)
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(StorageError, match="weights"):
        load_network(study.url, "tiny", record.id or 0)
