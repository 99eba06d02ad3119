"""The models of a study's settings: their limits, and what makes a study itself."""

from typing import Any

import pytest
from pydantic import ValidationError

from plantnas.config import Planting, Recipe, Search, SeedRecipe, StudyConfig
from plantnas.errors import ConfigurationError
from plantnas.search_space import Width

STUDY: dict[str, Any] = {
    "name": "mine",
    "search_space": {"architecture": "plain-small"},
    "data": {"name": "digits"},
}

OTHER_VALUES: dict[str, Any] = {
    "name": "other",
    "search_space.architecture": "plain",
    "search_space.arguments": {"width": 3},
    "search_space.teacher.width": 0.5,
    "search_space.teacher.minimum": 4,
    "search_space.teacher.architecture": "vgg-cifar",
    "search_space.teacher.arguments": {"width": 3},
    "search_space.teacher.weights": "weights.pt",
    "search_space.seed.width": 0.25,
    "search_space.seed.minimum": 2,
    "search_space.grow.groups": ["features.*"],
    "search_space.grow.up_to": 1.5,
    "search_space.grow.proposal": "shares",
    "search_space.wiring": "triangular",
    "data.name": "svhn",
    "data.train": 500,
    "data.validation": 500,
    "data.views": 3,
    "data.flip": False,
    "data.shift": 1,
    "data.channels": 3,
    "data.image_size": 32,
    "data.interpolation": "bicubic",
    "data.resize": "both",
    "data.crop": 0.5,
    "data.mean": [0.5],
    "data.std": [0.5],
    "data.unlabelled": True,
    "data.task": "regression",
    "data.balance": "sampling",
    "data.stratify": True,
    "teacher.loss": "l1",
    "teacher.label_smoothing": 0.1,
    "distillation.hint_weight": 2.0,
    "distillation.target_weight": 2.0,
    "distillation.others_weight": 2.0,
    "distillation.inter_weight": 2.0,
    "distillation.intra_weight": 2.0,
    "search.metric": "f1",
    "search.maximum_cost": 9999,
    "search.latency.batch_size": 8,
    "search.latency.device": "cuda",
    "search.latency.backend": "onnxruntime",
    "data.augment": ["RandAugment"],
    "teacher.class_weights": [1.0, 2.0],
    "distillation.loss": "of_mine:loss",
    "distillation.temperature": 2.0,
    "distillation.label_weight": 0.5,
    "seed.start": "fresh",
    "seed.l2_sp": 0.5,
    "planting.screen_epochs": 1,
    "planting.epochs_growth": 3.0,
    "planting.rows": "fresh",
    "planting.row_rate": 0.5,
    "planting.batch_norm": "running",
    "planting.classifier": "planted",
    "planting.column_init": 0.5,
    "planting.l2_sp": 0.5,
    "search.probes": 30,
    "search.trials_per_step": 5,
    "search.policy": "beam",
    "search.beam_width": 3,
    "search.winner": "best_accuracy",
    "search.early_stopping": "median",
    "search.sampler.name": "GPSampler",
    "search.sampler.arguments": {"multivariate": False},
    "search.ahead": 0.5,
    "search.cost": "macs",
    "search.minimum_growth": 1.1,
    "search.maximum_growth": 3.0,
    "search.maximum_parameters": 9999,
    "random_seed": 1,
} | {
    f"{network}.{key}": value
    for network in ("teacher", "seed", "planting")
    for key, value in {
        "epochs": 3,
        "batch_size": 16,
        "optimizer": "sgd",
        "learning_rate": 0.1,
        "betas": [0.8, 0.9],
        "weight_decay": 0.1,
        "warmup": 0.1,
        "precision": "float32",
    }.items()
}

FRESH = {
    "search_space.teacher.architecture": "resnet20",
    "seed.start": "fresh",
    "planting.rows": "fresh",
    "search.probes": 0,
}
"""A study whose teacher is of another architecture."""

MAY_DIFFER = {
    "search.steps": 9,
    "data.root": "/elsewhere",
    "data.download": True,
    "memory_gigabytes": 0.5,
    "data.memory_gigabytes": 0.5,
    "data.on_error": "skip",
}


def study(**overrides: Any) -> StudyConfig:
    """The study with dotted keys set to other values."""
    tree = StudyConfig.model_validate(STUDY).model_dump()
    for dotted, value in overrides.items():
        *parents, key = dotted.split(".")
        branch = tree
        for parent in parents:
            branch = branch[parent]
        branch[key] = value
    return StudyConfig.model_validate(tree)


def leaves(tree: dict[str, Any], prefix: str = "") -> set[str]:
    """Dotted keys of all settings; free dictionaries are one setting each."""
    keys = set()
    for key, value in tree.items():
        if isinstance(value, dict) and key != "arguments":
            keys |= leaves(value, f"{prefix}{key}.")
        else:
            keys.add(prefix + key)
    return keys


def test_every_setting_is_either_identity_or_may_differ() -> None:
    assert leaves(study().model_dump()) == OTHER_VALUES.keys() | MAY_DIFFER.keys()


@pytest.mark.parametrize("key", OTHER_VALUES)
def test_another_value_makes_another_study(key: str) -> None:
    beside = FRESH if "teacher.ar" in key else {}
    other, same = study(**beside | {key: OTHER_VALUES[key]}), study(**beside)
    assert other.hash() != same.hash()
    assert other.identity() != same.identity()


@pytest.mark.parametrize("key", MAY_DIFFER)
def test_what_changes_no_result_may_differ(key: str) -> None:
    other = study(**{key: MAY_DIFFER[key]})
    assert other != study()
    assert other.hash() == study().hash()


def test_the_identity_has_dotted_keys_without_the_number_of_steps() -> None:
    identity = study().identity()
    assert identity["search_space.seed.width"] == 0.125
    assert identity["search.sampler.arguments.multivariate"] is True
    assert "search.steps" not in identity


def test_a_default_that_is_written_out_is_the_same_study() -> None:
    assert study(**{"planting.epochs": 12, "data.views": 2}).hash() == study().hash()


def test_the_order_of_arguments_does_not_matter() -> None:
    arguments = {"multivariate": True, "n_startup_trials": 3}
    backwards = dict(reversed(arguments.items()))
    first, second = (study(**{"search.sampler.arguments": each}) for each in (arguments, backwards))
    assert first.hash() == second.hash()


def test_a_study_survives_json() -> None:
    config = study(**{"planting.betas": [0.8, 0.9]})
    again = StudyConfig.model_validate(config.model_dump(mode="json"))
    assert again == config
    assert again.hash() == config.hash()


NO_SETTINGS: list[Any] = [3.5, "no such", 1j, object(), [object()], {"x": 1}, {1: 2}, Search]


@pytest.mark.parametrize("key", StudyConfig.model_fields)
def test_what_python_says_wrong_is_the_line_that_a_file_gives(key: str) -> None:
    said: list[str] = []
    for wrong in NO_SETTINGS:
        given = STUDY | {key: wrong}
        if key == "memory_gigabytes" and wrong == 3.5:
            continue
        with pytest.raises(ConfigurationError, match=rf"^StudyConfig: {key}") as told:
            StudyConfig(**given)
        said.append(str(told.value))
    assert not [line for line in said if "\n" in line or len(line) > 400]


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Recipe().epochs = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("model", "key", "value"),
    [
        (Recipe, "epochs", 0),
        (Recipe, "batch_size", -1),
        (Recipe, "learning_rate", 0.0),
        (Recipe, "weight_decay", -0.1),
        (Recipe, "warmup", 1.0),
        (Recipe, "betas", (1.0, 0.9)),
        (Recipe, "betas", (0.9, -0.1)),
        (Recipe, "betas", (0.9,)),
        (Recipe, "optimizer", "Adam"),
        (Planting, "batch_norm", "frozen"),
        (Planting, "column_init", -1.0),
        (Width, "width", 0.0),
        (Width, "minimum", 0),
        (Search, "minimum_growth", 0.9),
    ],
)
def test_values_out_of_range_are_refused(model: type, key: str, value: object) -> None:
    with pytest.raises(ConfigurationError, match=f"^{model.__name__}: {key}"):
        model(**{key: value})


def test_an_empty_window_of_parameters_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"minimum_growth 2\.0 must be below"):
        Search(minimum_growth=2.0, maximum_growth=2.0)


@pytest.mark.parametrize("name", ["", "../up", "a b", "-x", "a/b"])
def test_a_study_is_named_so_that_a_folder_can_be(name: str) -> None:
    with pytest.raises(ValidationError):
        study(name=name)


@pytest.mark.parametrize(
    ("given", "parameters", "peak"), [(None, 4900, 0.04), (None, 490_000, 0.005), (0.3, 9, 0.3)]
)
def test_the_peak_of_the_seeds_schedule_is_by_its_size_unless_given(
    given: float | None, parameters: int, peak: float
) -> None:
    recipe = SeedRecipe(learning_rate=given).for_size(parameters)
    assert recipe.peak == pytest.approx(peak)


def test_what_starts_afresh_has_other_defaults() -> None:
    given, fresh = Planting(), Planting(rows="fresh")
    assert (given.row_rate, given.column_init, given.l2_sp) == (0.3, 1.0, 0.1)
    assert (fresh.row_rate, fresh.column_init, fresh.l2_sp) == (0.1, 0.0, 0.0)
    seeds = [SeedRecipe(start=start).l2_sp for start in ("teacher", "fitted", "fresh")]
    assert seeds == [0.1, 0.0, 0.0]
    mine = Planting(rows="of_mine:fill")
    assert (mine.row_rate, mine.column_init, mine.l2_sp) == (0.1, 0.0, 0.0)
    chosen = Planting(rows="fresh", row_rate=0.2, column_init=0.5, l2_sp=0.3)
    assert (chosen.row_rate, chosen.column_init, chosen.l2_sp) == (0.2, 0.5, 0.3)


def test_the_last_step_alone_is_not_held() -> None:
    settings = Planting()
    held = [settings.for_step(step, 3).l2_sp for step in (1, 2, 3, 4)]
    assert held == [0.1, 0.1, 0.0, 0.0]


def test_a_step_has_the_settings_but_its_own_epochs() -> None:
    settings = Planting(epochs=10, epochs_growth=1.5)
    assert settings.for_step(1, 3) == settings
    assert settings.for_step(2, 3) == settings.model_copy(update={"epochs": 15})


@pytest.mark.parametrize(
    ("keys", "epochs"),
    [
        ({"search.trials_per_step": 1}, 0),
        ({"search.trials_per_step": 4}, 2),
        ({"search.trials_per_step": 1, "search.probes": 0}, 2),
        ({"search.trials_per_step": 1, "planting.screen_epochs": 1}, 1),
        ({"search.trials_per_step": 4, "planting.screen_epochs": 0}, 0),
    ],
)
def test_a_screen_is_trained_where_it_ranks_something_or_as_the_study_says(
    keys: dict[str, float], epochs: int
) -> None:
    assert study(**keys).screen_epochs == epochs


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"seed.start": "fresh", "planting.rows": "fresh"}, False),
        ({"seed.start": "teacher", "planting.rows": "fresh"}, True),
        ({"seed.start": "fresh", "planting.rows": "teacher"}, True),
        ({"seed.start": "fresh", "planting.rows": "of_mine:fill"}, True),
    ],
)
def test_a_teacher_gives_channels_to_what_starts_from_it(
    keys: dict[str, str], expected: bool
) -> None:
    assert study(**keys).teacher_gives_channels == expected


def test_fitted_rows_have_columns_of_zero_and_none_is_silently_ignored() -> None:
    assert Planting(rows="fitted").column_init == 0
    with pytest.raises(
        ConfigurationError, match=r"column_init 1\.0 must be 0 where rows is 'fitted'"
    ):
        Planting(rows="fitted", column_init=1)


def beside_another_teacher(**sections: Any) -> StudyConfig:
    space = STUDY["search_space"] | {"teacher": {"architecture": "resnet20"}}
    return StudyConfig.model_validate(STUDY | {"search_space": space} | sections)


def test_beside_a_teacher_of_another_architecture_all_starts_fresh() -> None:
    for search in ({}, {"steps": 2}, Search(steps=2)):
        config = beside_another_teacher(search=search)
        assert (config.seed.start, config.planting.rows, config.search.probes) == ("fresh",) * 2 + (
            0,
        )
        assert not config.teacher_gives_channels
        assert not config.looks_ahead
        assert config.search.trials_per_step == 4


@pytest.mark.parametrize(
    ("section", "said", "message"),
    [
        ("seed", {"start": "teacher"}, r"seed\.start 'teacher': no channel .* must be 'fresh'"),
        ("planting", {"rows": "fitted"}, r"planting\.rows 'fitted': no channel .* be 'fresh'"),
        ("search", {"probes": 8}, r"search\.probes 8: .* resnet20\) has no channels .* must be 0"),
    ],
)
def test_nothing_is_taken_from_a_teacher_of_another_architecture(
    section: str, said: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        beside_another_teacher(**{section: said})


def test_a_teacher_that_is_kept_needs_weights() -> None:
    with pytest.raises(ValidationError, match=r"epochs 0 keeps .*: search_space.teacher.weights"):
        study(**{"teacher.epochs": 0})
    assert study(**{"teacher.epochs": 0, "search_space.teacher.weights": "a.pt"})
