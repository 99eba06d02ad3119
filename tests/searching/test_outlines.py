"""What a study's networks look like follows from its configuration and its images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plantnas.config_files import with_overrides
from plantnas.searching.outlines import images_record, narrowed, seed_structure
from plantnas.training.data import dataset_of

if TYPE_CHECKING:
    from plantnas.records.study import StudyRecords
    from tests.conftest import StudyFolder


@pytest.fixture
def records(ended: StudyFolder) -> StudyRecords:
    return ended.records


def test_the_record_of_the_images_is_that_of_the_study(
    ended: StudyFolder, records: StudyRecords
) -> None:
    assert images_record(dataset_of(ended.config)) == records.images


@pytest.mark.parametrize(("method", "index"), [("teacher", 0), ("seed", 1)])
def test_teacher_and_seed_have_the_widths_that_follow(
    ended: StudyFolder, records: StudyRecords, method: str, index: int
) -> None:
    teacher = narrowed(records.structure, ended.config.search_space.teacher)
    widths = teacher.growable_widths
    seed = seed_structure(ended.config, records.structure, widths, lambda: records.build({}))
    recorded = records.networks()[index]
    assert recorded.method == method
    assert (teacher, seed)[index].growable_widths == recorded.widths


def test_a_seed_that_starts_from_the_teacher_is_no_wider_than_that(
    ended: StudyFolder, records: StudyRecords
) -> None:
    given = dict.fromkeys(records.structure.growable, 1)
    build, structure = (lambda: records.build({})), records.structure
    assert seed_structure(ended.config, structure, given, build).growable_widths == given
    fresh = with_overrides(ended.config, {"seed.start": "fresh"})
    assert seed_structure(fresh, structure, given, build).growable_widths != given
