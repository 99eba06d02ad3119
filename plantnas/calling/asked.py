"""The configuration of a study whose model and images are objects of the caller's.

What the objects become is in networks/handed_models.py and training/handed_data.py.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any

import numpy as np
import torch
from torch import nn

from plantnas.channels.containers import logits_in
from plantnas.config import StudyConfig, TeacherRecipe
from plantnas.config_files import validated
from plantnas.errors import ConfigurationError, DataError, UnsupportedArchitecture
from plantnas.given import check_given
from plantnas.handed import hand_over, handed_things
from plantnas.modules import bare, copied
from plantnas.named import importable_name, raised
from plantnas.named_keys import TABLES, check_names
from plantnas.networks.handed_models import architecture_of, title_of
from plantnas.networks.loader import build_network
from plantnas.records.building import structure_at_own_widths
from plantnas.records.record import ImagesRecord
from plantnas.tasks import Data, Distillation
from plantnas.training.data import outputs_of
from plantnas.training.handed_data import HandedData

MOST_COUNTED_GROUPS = 8
"""Of more groups, plantings of a number a group are nearly all too large or too small."""

OURS = ("search_space.architecture", "data.name")
"""What the arguments say, and no configuration beside them."""

OTHER_TEACHER = "search_space.teacher.architecture"
WEIGHTS = "search_space.teacher.weights"
EPOCHS = "teacher.epochs"


def tree_of(config: Mapping[str, Any] | StudyConfig | None) -> dict[str, Any]:
    """A configuration as nested sections, with what it says alone.

    Raises:
        ArgumentError: It is none.
        ConfigurationError: It says what other arguments say.
    """
    kinds = (Mapping, StudyConfig, type(None))
    check_given("config", config, kinds, "a mapping of a study's settings, or a StudyConfig,")
    if config is None:
        return {}
    tree = config.model_dump(exclude_unset=True) if isinstance(config, StudyConfig) else config
    if not isinstance(config, StudyConfig):
        for key in OURS if _has(dict(tree), OTHER_TEACHER) else (*OURS, WEIGHTS):
            if _has(dict(tree), key):
                raise ConfigurationError(f"config: {key}: is what the other arguments say.")
    return {key: dict(part) if isinstance(part, Mapping) else part for key, part in tree.items()}


def with_arguments(tree: dict[str, Any], by_key: Mapping[str, object]) -> dict[str, Any]:
    """The sections with what is given by dotted keys, numpy's numbers as plain ones.

    What is None is left out.
    """
    for dotted, value in by_key.items():
        if value is None:
            continue
        *sections, key = dotted.split(".")
        branch = tree
        for section in sections:
            inner = branch.get(section)
            branch[section] = dict(inner) if isinstance(inner, Mapping) else {}
            branch = branch[section]
        branch[key] = value.item() if isinstance(value, np.generic) else value
    return tree


def network_arguments(
    model: object, taught_by: object, tree: dict[str, Any], splits: HandedData
) -> dict[str, Any]:
    """The settings that a model is, and its teacher or how that is trained, by dotted keys.

    Raises:
        ArgumentError: One of them is of another kind.
        ConfigurationError: The configuration names a teacher too.
    """
    of_model = architecture_arguments(model, tree)
    if isinstance(taught_by, nn.Module):
        return of_model | given_teacher(taught_by, model, tree, splits)
    return of_model | teacher_arguments(taught_by)


def architecture_arguments(model: object, tree: dict[str, Any]) -> dict[str, Any]:
    """The settings that a model is; a module is the teacher's weights too, if there is no other.

    Args:
        model: As the caller gave it.
        tree: The sections of the configuration that stands beside it.
    """
    name = architecture_of(model)
    is_teacher = isinstance(model, nn.Module) and not _has(tree, OTHER_TEACHER)
    return {"search_space.architecture": name, WEIGHTS: name if is_teacher else None}


def teacher_arguments(its_training: object) -> dict[str, Any]:
    """How the teacher is trained, by dotted keys.

    Raises:
        ArgumentError: It is neither settings nor nothing.
    """
    kinds = (Mapping, TeacherRecipe, type(None))
    wanted = "a torch.nn.Module, or settings of its training, such as {'epochs': 20},"
    check_given("teacher", its_training, kinds, wanted)
    if isinstance(its_training, TeacherRecipe):
        its_training = its_training.model_dump(exclude_unset=True)
    assert isinstance(its_training, Mapping | None)
    return {f"teacher.{key}": value for key, value in (its_training or {}).items()}


def given_teacher(
    teacher: nn.Module, model: object, tree: dict[str, Any], splits: HandedData
) -> dict[str, Any]:
    """The settings that a module is as the teacher, which is kept as it is unless they say more.

    Where it is what the model is, at its widths, students have its channels; else it is of another
    architecture.

    Args:
        teacher: As the caller gave it.
        model: The students' architecture, as the caller gave it.
        tree: The sections of the configuration that stands beside them.
        splits: The images, which tell the sizes of networks.

    Raises:
        ConfigurationError: The configuration names a teacher too.
    """
    if _has(tree, OTHER_TEACHER):
        raise ConfigurationError(f"config: {OTHER_TEACHER}: is what the argument teacher says.")
    name, own = architecture_of(teacher), model
    if not isinstance(own, nn.Module):
        arguments = tree.get("search_space", {}).get("arguments")
        images = _images_record(splits)
        architecture = architecture_of(model)
        own = build_network(architecture, images.num_classes, images.channels, arguments)
    kinds = [
        (type(each), {key: tensor.shape for key, tensor in each.state_dict().items()})
        for each in (bare(own), bare(teacher))
    ]
    return {
        WEIGHTS: name,
        OTHER_TEACHER: None if kinds[0] == kinds[1] else name,
        EPOCHS: None if _has(tree, EPOCHS) else 0,
    }


def name_of(argument: str, thing: object) -> str | None:
    """The name of a loss, metric or cost; None of None.

    Raises:
        ArgumentError: It is neither a name nor a function.
    """
    if thing is None or isinstance(thing, str):
        return thing
    check_given(argument, thing, Callable, "a name or a function")
    if (name := importable_name(thing)) is not None and argument != "loss":
        return name
    assert callable(thing)
    return hand_over(title_of(thing), HandedLoss(thing) if argument == "loss" else thing)


@dataclass(frozen=True)
class HandedLoss:
    """A loss of the caller's, which has no settings."""

    loss: Callable[..., Any]

    def __call__(self, settings: Distillation) -> Callable[..., Any]:
        """The function of (logits, labels, teacher_logits)."""
        return self.loss


def configured(tree: dict[str, Any]) -> StudyConfig:
    """The configuration that the sections say.

    Raises:
        ConfigurationError: The first thing that is wrong, in one line.
    """
    config = validated(StudyConfig, tree, "plantnas.search")
    check_names(config)
    return config


def asked_of_data(tree: dict[str, Any], name: str, architecture: str) -> Data:
    """What the sections say of data, whose images are not read yet.

    Raises:
        ConfigurationError: The first thing that is wrong with any section, in one line.
    """
    said = {
        "name": name,
        "search_space.architecture": architecture,
        "data.name": "digits",
    }
    return configured(with_arguments(dict(tree), said)).data


def handed_names(config: StudyConfig) -> list[str]:
    """The names of a configuration that stand for objects of this process."""
    names = [attrgetter(key)(config) for key in TABLES]
    return list(handed_things([name for name in names if isinstance(name, str)]))


def fitting(what: str, model: object, splits: HandedData) -> HandedData:
    """The images, with the number of outputs that a model has, if it is a module.

    Args:
        what: What the caller calls it.
        model: As the caller gave it.
        splits: The images.

    Raises:
        DataError: A target is out of the range of the module's answers.
        UnsupportedArchitecture: The module cannot be run on the images.
    """
    if not isinstance(model, nn.Module):
        return splits
    module, images = copied(bare(model)).cpu().eval(), splits.train.pixels[:2].float()
    try:
        with torch.no_grad(), torch.random.fork_rng():
            answers = logits_in(module(images / 255 if splits.train.have_pixels else images))
    except UnsupportedArchitecture:
        raise
    except Exception as error:  # whatever the user's module does
        size = " x ".join(map(str, images.shape[1:]))
        raise UnsupportedArchitecture(
            f"{what}: cannot be run on images of {size}: {raised(error)}."
        ) from error
    if answers.ndim != 2 or len(answers) != len(images):
        return splits  # which is refused with the study
    outputs = answers.shape[1]
    for name, split in splits.by_name().items():
        wanted = outputs_of(split.labels)
        if split.labels.is_floating_point() and wanted != outputs:
            raise DataError(
                f"{name}: its targets are {wanted} numbers an image, the {what} answers {outputs}."
            )
        if wanted > outputs:
            place = int(split.labels.argmax())
            raise DataError(
                f"{name}: target {place} is {wanted - 1}: the {what} tells {outputs} classes "
                "apart, which are numbered from 0."
            )
    return replace(splits, num_classes=outputs)


def proposing(tree: dict[str, Any], splits: HandedData) -> StudyConfig:
    """The configuration, by shares where so many groups may grow that few counts would fit."""
    config = configured(tree)
    if _has(tree, "search_space.grow.proposal"):
        return config
    space = config.search_space
    groups = structure_at_own_widths(space, _images_record(splits)).growable_widths
    if len(groups) <= MOST_COUNTED_GROUPS:
        return config
    return configured(with_arguments(tree, {"search_space.grow.proposal": "shares"}))


def _images_record(splits: HandedData) -> ImagesRecord:
    """The sizes of the images, and how many numbers networks answer them by."""
    shape = list(splits.train.pixels.shape[1:])
    outputs = splits.num_classes or max(
        outputs_of(each.labels) for each in splits.by_name().values()
    )
    return ImagesRecord(outputs, shape[0], None, None, [], [], "", shape)


def _has(tree: dict[str, Any], dotted: str) -> bool:
    found: object = tree
    for key in dotted.split("."):
        if not isinstance(found, Mapping) or key not in found:
            return False
        found = found[key]
    return True
