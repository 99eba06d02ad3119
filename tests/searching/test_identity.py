"""Records are an Optuna study's own, by its name and trials, not by its configuration's name."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import optuna
import pytest
from sqlalchemy import text

from plantnas import PlantingObjective, PlantingSampler, networks_frame
from plantnas.errors import StudyError
from plantnas.records.database import Database
from plantnas.records.study import StudyRecords
from plantnas.searching.identity import records_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import StudyFolder


def named(folder: StudyFolder, name: str | None) -> optuna.Study:
    """A study as a user of Optuna creates it."""
    return optuna.create_study(
        study_name=name,
        storage=folder.url,
        directions=["maximize", "minimize"],
        sampler=PlantingSampler(optuna.samplers.RandomSampler(seed=0)),
    )


@pytest.fixture
def here(brief: StudyFolder, tmp_path: Path) -> StudyFolder:
    return replace(brief, directory=tmp_path)


@pytest.fixture
def copied(ended: StudyFolder, tmp_path: Path) -> StudyFolder:
    return ended.copy(tmp_path / "study")


@pytest.mark.parametrize("name", [None, "of any: letters / ok"])
def test_the_records_of_a_study_are_found_by_the_name_that_optuna_has_for_it(
    here: StudyFolder, name: str | None
) -> None:
    study = named(here, name)
    study.optimize(PlantingObjective(here.config), n_trials=1)
    assert list(networks_frame(here.url, study.study_name)["method"][:2]) == ["teacher", "seed"]
    records = StudyRecords(Database(here.url), study.study_name)
    assert records.config.name == study.study_name


def test_two_studies_of_one_objective_have_their_own_networks(here: StudyFolder) -> None:
    objective = PlantingObjective(here.config)
    for name in ("first", "second"):
        named(here, name).optimize(objective, n_trials=2)
    for name in ("first", "second"):
        networks = networks_frame(here.url, name)
        assert list(networks["method"]).count("teacher") == 1
        assert networks["trial_number"].dropna().is_unique


def test_a_study_that_was_deleted_and_made_again_is_refused_before_anything_is_trained(
    copied: StudyFolder,
) -> None:
    optuna.delete_study(study_name=copied.config.name, storage=copied.url)
    before = copied.records.trials_with_networks()
    message = r"its records in .* are of a study of that name that was deleted \(\d+ networks of"
    with pytest.raises(StudyError, match=message) as caught:
        named(copied, copied.config.name).optimize(PlantingObjective(copied.config), n_trials=1)
    assert "\n" not in str(caught.value)
    assert copied.records.trials_with_networks() == before


def test_a_study_made_again_before_its_trials_takes_the_teacher_that_there_is(
    begun: StudyFolder, tmp_path: Path
) -> None:
    folder = begun.copy(tmp_path / "study")
    teacher = folder.records.networks()[0]
    optuna.delete_study(study_name=folder.config.name, storage=folder.url)
    prepared = PlantingObjective(folder.config).prepared(named(folder, folder.config.name))
    assert prepared.teacher == teacher


def test_a_copied_study_is_refused_in_one_line(copied: StudyFolder) -> None:
    optuna.copy_study(
        from_study_name=copied.config.name,
        from_storage=copied.url,
        to_storage=copied.url,
        to_study_name="copy",
    )
    study = optuna.load_study(
        study_name="copy", storage=copied.url, sampler=PlantingSampler(optuna.samplers.TPESampler())
    )
    with pytest.raises(StudyError, match=r"study 'copy': the networks of \d+ of its trials") as it:
        PlantingObjective(copied.config).prepared(study)
    assert "\n" not in str(it.value)


@pytest.fixture
def called_otherwise(copied: StudyFolder) -> Callable[[str], optuna.Study]:
    """Gives the study, once recorded by the configuration's name, as another one of Optuna's."""

    def study(name: str) -> optuna.Study:
        with Database(copied.url).transaction() as connection:
            connection.execute(text("UPDATE studies SET study_name = :name"), {"name": name})
        sampler = PlantingSampler(optuna.samplers.TPESampler())
        return optuna.load_study(study_name=name, storage=copied.url, sampler=sampler)

    return study


def test_records_that_had_the_configurations_name_get_the_studys(
    copied: StudyFolder, called_otherwise: Callable[[str], optuna.Study]
) -> None:
    before = copied.records.networks()
    prepared = PlantingObjective(copied.config).prepared(called_otherwise("mine"))
    assert prepared.records.networks() == before
    assert prepared.records.database.study_names() == ["mine"]


def test_records_of_a_deleted_study_are_not_taken_for_those_of_one_with_its_id(
    copied: StudyFolder,
) -> None:
    optuna.delete_study(study_name=copied.config.name, storage=copied.url)
    database = Database(copied.url)
    assert records_of(named(copied, "mine"), database, copied.config.name).find() is None
    assert database.study_names() == [copied.config.name]
