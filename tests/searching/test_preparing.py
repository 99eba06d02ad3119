"""Teacher, logits and seed are made once, whoever comes first, and only for the same study."""

from __future__ import annotations

import multiprocessing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch
from optuna.artifacts import get_all_artifact_meta
from sqlalchemy import text

from plantnas.channels.groups import analyse
from plantnas.channels.ordering import channel_scores
from plantnas.channels.planting import crop
from plantnas.channels.structure import classifier_tensors
from plantnas.errors import ConfigurationError, DataError, StudyError
from plantnas.records.database import Database
from plantnas.records.study import StudyRecords, load_network
from plantnas.report.finish import finish
from plantnas.searching.children import planted_child
from plantnas.searching.objective import PlantingObjective
from plantnas.searching.preparing import check_configuration
from plantnas.training.prefix import cut_before
from plantnas.trials.study import open_study
from tests.postgres import administrator

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor

    from plantnas.config import StudyConfig
    from tests.conftest import StudyFolder


def sayings(folder: StudyFolder) -> list[str]:
    """What a preparation tells that it does."""
    said: list[str] = []
    folder.objective().prepared(folder.open(), said.append)
    return said


def logits(folder: StudyFolder) -> list[Path]:
    return sorted(folder.directory.glob("teacher-logits-*.npy"))


def test_a_new_study_gets_a_teacher_its_logits_and_a_seed(
    brief: StudyFolder, tmp_path: Path
) -> None:
    folder = replace(brief, directory=tmp_path)
    assert sayings(folder) == [
        "training the teacher for 2 epochs",
        "computing the teacher's logits on the train images",
        "computing the teacher's logits on the validation images",
        "training the seed for 2 epochs",
    ]
    networks = folder.records.networks()
    assert [network.method for network in networks] == ["teacher", "seed"]


def test_views_and_answers_that_do_not_fit_are_made_when_they_are_needed(
    brief: StudyFolder, tmp_path: Path
) -> None:
    folder = replace(brief, directory=tmp_path).with_settings(
        data__augment=["RandomVerticalFlip", "CutMix"], data__views=3, memory_gigabytes=1e-9
    )
    said: list[str] = []
    study = folder.objective().prepared(folder.open(), said.append)
    prices = [line for line in said if "more than memory_gigabytes" in line]
    assert ["made when they are needed" in line for line in prices] == [True, False]
    assert "it answers each batch anew, " in prices[1]
    views, indices = torch.tensor([0, 1, 2]), torch.tensor([5, 3, 1])
    teacher = study.records.load(study.teacher).eval()
    with torch.no_grad():
        expected = teacher(*study.data.inputs.batch(views, indices))
    assert torch.equal(study.data.targets.batch(views, indices)[1], expected)
    logits = study.data.targets.teacher_logits
    assert torch.allclose(logits[0, indices[0]], expected[0], atol=1e-5)


def test_hints_are_what_the_teachers_last_layer_is_given_in_each_view(
    brief: StudyFolder, tmp_path: Path
) -> None:
    folder = replace(brief, directory=tmp_path).with_settings(
        distillation__hint_weight=2.0, data__views=2
    )
    said: list[str] = []
    study = folder.objective().prepared(folder.open(), said.append)
    assert "computing the teacher's hints on the train images" in said
    hint = study.data.hint
    assert hint is not None
    assert hint.weight == 2
    views, indices = torch.tensor([1, 0]), torch.tensor([5, 3])
    teacher = study.records.load(study.teacher).eval()
    with torch.no_grad():
        logits = teacher.get_submodule(hint.layer)(hint.features[views, indices])
    expected = study.data.targets.batch(views, indices)[1]
    assert expected is not None
    torch.testing.assert_close(logits, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("rows", ["fresh", "teacher"])
def test_a_teacher_that_gives_channels_has_its_largest_first(
    tiny: StudyFolder, tmp_path: Path, rows: str
) -> None:
    folder = replace(tiny, directory=tmp_path).with_settings(
        teacher__epochs=2, seed__epochs=1, seed__start="fresh", planting__rows=rows
    )
    study = folder.objective().prepared(folder.open())
    teacher = load_network(folder.url, "tiny", study.teacher.id)
    structure = analyse(teacher, study.example)
    falling = [
        bool((scores[1:] <= scores[:-1] + 1e-5).all())
        for name, scores in channel_scores(teacher, structure).items()
        if structure.groups[name].growable
    ]
    assert all(falling) == (rows == "teacher")
    logits = study.data.validation_targets.teacher_logits
    assert logits is not None
    with torch.no_grad():
        torch.testing.assert_close(teacher(study.example), logits[0, :2], rtol=1e-3, atol=1e-3)


def test_a_seed_is_held_near_the_teacher(tiny: StudyFolder, tmp_path: Path) -> None:
    def moved(l2_sp: float) -> float:
        folder = replace(tiny, directory=tmp_path / str(l2_sp)).with_settings(
            teacher__epochs=2, seed__epochs=2, seed__start="teacher", seed__l2_sp=l2_sp
        )
        study = folder.objective().prepared(folder.open())
        teacher = load_network(folder.url, "tiny", study.teacher.id)
        start = crop(teacher, study.example, study.seed.widths).state_dict()
        weights = study.parent(None).network.state_dict()
        moves = [
            (weights[name] - start[name]).abs().mean().item()
            for name in weights
            if weights[name].ndim == 4
        ]
        return sum(moves)

    assert moved(30.0) < 0.7 * moved(0.0)


MINE = """
import torch
from plantnas.channels.resizing import named_tensors


def fill(grown):
    tensors = named_tensors(grown.network)
    for name in grown.changed:
        tensors[name].fill_(0.125)


def loss(settings):
    def mean_square(logits, labels, teacher_logits):
        return (logits - teacher_logits).square().mean() / settings.temperature

    return mean_square
"""


def test_initialisations_and_loss_may_be_the_users_own(tiny: StudyFolder, folder: Path) -> None:
    (folder / "of_mine.py").write_text(MINE)
    mine = replace(tiny, directory=folder / "study").with_settings(
        seed__start="of_mine:fill",
        seed__learning_rate=1e-12,
        planting__rows="of_mine:fill",
        distillation__loss="of_mine:loss",
    )
    study = mine.objective().prepared(mine.open())
    seed = study.parent(None)
    assert (seed.network.get_parameter("classifier.weight") == 0.125).all()
    child = planted_child(study, seed, dict.fromkeys(seed.structure.growable, 1)).network
    assert (child.get_parameter("features.0.weight")[-1] == 0.125).all()
    assert (child.get_parameter("classifier.weight")[:, -1] == 0).all()
    _, logits = study.data.targets.in_order()
    assert study.data.loss(logits, None, logits + 2).item() == pytest.approx(4 / 4.0)


def test_nothing_is_made_twice(prepared: StudyFolder) -> None:
    assert sayings(prepared) == []


def test_deleted_logits_are_fetched_from_the_artifacts(
    prepared: StudyFolder, tmp_path: Path
) -> None:
    folder = prepared.copy(tmp_path / "study")
    before = [path.read_bytes() for path in logits(folder)]
    for path in logits(folder):
        path.unlink()
    assert [said.partition(" ")[0] for said in sayings(folder)] == ["fetching", "fetching"]
    assert [path.read_bytes() for path in logits(folder)] == before


def test_logits_that_are_lost_everywhere_are_made_again_to_the_bit(
    prepared: StudyFolder, tmp_path: Path
) -> None:
    folder = prepared.copy(tmp_path / "study")
    before = [path.read_bytes() for path in logits(folder)]
    for meta in get_all_artifact_meta(folder.open()):
        if meta.filename.startswith("teacher-logits"):
            (folder.directory / "weights" / meta.artifact_id).unlink()
    for path in logits(folder):
        path.unlink()
    assert sum(said.startswith("computing") for said in sayings(folder)) == 2
    assert [path.read_bytes() for path in logits(folder)] == before


def test_a_preparation_that_loses_its_lock_takes_what_another_made(
    brief: StudyFolder, new_postgres: Callable[[], str], tmp_path: Path
) -> None:
    url, said = new_postgres(), list[str]()

    def worker(name: str) -> PlantingObjective:
        return PlantingObjective(brief.config, tmp_path / name, artifacts=str(tmp_path / "shared"))

    def lose_the_lock(message: str) -> None:
        said.append(message)
        if len(said) == 1:
            with administrator(url) as connection:
                connection.execute(text(LOSE_LOCKS))
            worker("second").prepared(open_study(brief.config, url))

    study = worker("first").prepared(open_study(brief.config, url), lose_the_lock)
    assert [message.partition(" ")[0] for message in said] == ["training", "fetching", "fetching"]
    assert [study.teacher, study.seed] == StudyRecords(Database(url), brief.config.name).networks()


LOSE_LOCKS = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"


def prepare_it(config: StudyConfig, url: str, directory: Path) -> None:
    torch.set_num_threads(1)
    PlantingObjective(config, directory).prepared(open_study(config, url))


def test_processes_that_start_at_once_train_one_teacher_and_one_seed(
    brief: StudyFolder, tmp_path: Path
) -> None:
    folder = replace(brief, directory=tmp_path)
    folder.open()
    context = multiprocessing.get_context("fork")
    processes = [
        context.Process(target=prepare_it, args=(folder.config, folder.url, tmp_path))
        for _ in range(2)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    networks = folder.records.networks()
    assert [network.method for network in networks] == ["teacher", "seed"]


def test_another_configuration_is_refused_by_its_keys_and_values(prepared: StudyFolder) -> None:
    other = prepared.with_settings(planting__learning_rate=0.03, data__views=3)
    expected = r"data.views is 2, not 3; planting.learning_rate is 0.02, not 0.03. Use that"
    with pytest.raises(StudyError, match=expected):
        check_configuration(prepared.records, other.config)


def test_a_refused_configuration_changes_nothing(prepared: StudyFolder, tmp_path: Path) -> None:
    folder = prepared.copy(tmp_path / "study")
    before = folder.records.record
    other = folder.with_settings(random_seed=1)
    with pytest.raises((StudyError, DataError)):
        other.objective().prepared(other.open())
    assert folder.records.record == before
    assert len(folder.records.networks()) == 2


def change_configuration(folder: StudyFolder, change: str) -> None:
    """What another version of plantnas, or of the data, would have recorded."""
    with Database(folder.url).engine.begin() as connection:
        connection.exec_driver_sql(
            f"UPDATE plantnas_studies SET configuration_hash = 'other', configuration = {change}"
        )


def test_a_setting_that_is_newer_than_the_study_has_its_default(
    prepared: StudyFolder, tmp_path: Path
) -> None:
    folder = prepared.copy(tmp_path / "study")
    change_configuration(folder, "json_remove(configuration, '$.planting.column_init')")
    check_configuration(folder.records, folder.config)
    other = folder.with_settings(planting__column_init=0.5)
    with pytest.raises(StudyError, match=r"planting.column_init is 1.0, not 0.5\. Use"):
        check_configuration(folder.records, other.config)


def test_a_study_from_before_channels_could_be_the_teachers_goes_on_with_fresh_ones(
    tiny: StudyFolder, tmp_path: Path
) -> None:
    fresh = replace(tiny, directory=tmp_path / "study").with_settings(
        teacher__epochs=1, seed__epochs=1, seed__start="fresh", planting__rows="fresh"
    )
    fresh.objective().prepared(fresh.open())
    for key in ("seed.start", "seed.l2_sp", "planting.rows", "planting.l2_sp"):
        change_configuration(fresh, f"json_remove(configuration, '$.{key}')")
    check_configuration(fresh.records, fresh.config)
    with pytest.raises(StudyError, match=r"planting.rows is 'fresh', not 'teacher'"):
        check_configuration(fresh.records, replace(fresh, config=tiny.config).config)


def test_a_study_from_before_there_were_probes_has_none(
    prepared: StudyFolder, tmp_path: Path
) -> None:
    folder = prepared.copy(tmp_path / "study")
    change_configuration(folder, "json_remove(configuration, '$.search.probes')")
    check_configuration(folder.records, folder.with_settings(search__probes=0).config)
    with pytest.raises(StudyError, match=r"search.probes is 0, not 30"):
        check_configuration(folder.records, folder.with_settings(search__probes=30).config)


def test_a_setting_that_is_not_known_any_more_is_one_line(
    prepared: StudyFolder, tmp_path: Path
) -> None:
    folder = prepared.copy(tmp_path / "study")
    change_configuration(folder, "json_set(configuration, '$.planting.old', 1)")
    with pytest.raises(ConfigurationError, match=r"study 'tiny': planting\.old: unknown key"):
        check_configuration(folder.records, folder.config)


def test_data_that_has_changed_is_refused(prepared: StudyFolder, tmp_path: Path) -> None:
    folder = prepared.copy(tmp_path / "study")
    change_configuration(folder, "json_set(configuration, '$.images.fingerprint', 'feed')")
    with pytest.raises(DataError, match=r"not the data that study 'tiny' was made with.*not feed"):
        folder.objective().prepared(folder.open())


def features_behind_the_seeds_classifier(folder: StudyFolder) -> Tensor:
    """As a worker of the study gets them."""
    study = folder.objective().prepared(folder.open())
    seed = study.parent(None)
    cut = cut_before(seed.network, classifier_tensors(seed.structure), study.example)
    inputs = study.features.features(cut, study.data.inputs, "train", seed.network_id)
    assert inputs is not None
    return inputs.tensors[0]


def test_workers_share_the_features_in_the_studys_folder(
    prepared: StudyFolder, tmp_path: Path
) -> None:
    folder = prepared.copy(tmp_path / "study")
    first = features_behind_the_seeds_classifier(folder)
    (file,) = (folder.directory / "features").glob("*.features")
    written = file.stat().st_mtime_ns
    assert torch.equal(features_behind_the_seeds_classifier(folder), first)
    assert [path.stat().st_mtime_ns for path in file.parent.glob("*.features")] == [written]


def test_the_policies_are_told_the_same_after_the_report(
    prepared: StudyFolder, tmp_path: Path
) -> None:
    folder = prepared.copy(tmp_path / "study")
    before = folder.open().user_attrs
    finish(folder.url, "tiny", folder.directory)  # which evaluates on other splits too
    folder.objective().prepared(folder.open())
    assert folder.open().user_attrs == before


def test_the_policies_are_told_what_they_compare_to(prepared: StudyFolder) -> None:
    teacher, seed = prepared.records.networks()
    assert prepared.open().user_attrs == {
        "teacher_parameters": teacher.parameters,
        "teacher_cost": teacher.parameters,
        "teacher_accuracy": teacher.evaluations[0].accuracy,
        "seed_parameters": seed.parameters,
        "seed_cost": seed.parameters,
        "seed_accuracy": seed.evaluations[0].accuracy,
    }


def test_weights_lie_in_the_studys_folder_also_if_it_is_relative(
    brief: StudyFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = brief.config
    url = f"sqlite:///{tmp_path / 'out' / 'study.db'}"
    PlantingObjective(config, "out").prepared(open_study(config, url))
    kept = list((tmp_path / "out" / "weights").iterdir())
    assert len(kept) == 4  # of teacher and seed, and the teacher's logits of two splits
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
