"""A study tried out on a few images, before anything of it is made and anything is trained.

What is refused here would be refused, or fail, after hours. Its trials are in objective.py.
"""

import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

import numpy as np
import optuna
import torch
from optuna.exceptions import ExperimentalWarning
from torch import nn

from plantnas.channels.costs import shown_cost, title_of
from plantnas.channels.costs.parameters import parameters_of
from plantnas.channels.initialisations import ROWS
from plantnas.channels.initialising import Donor, Initialisation, Samples
from plantnas.channels.planting import plant
from plantnas.channels.structure import Structure, classifier_tensors
from plantnas.config import Recipe, StudyConfig
from plantnas.errors import ConfigurationError, PlantnasError
from plantnas.named import fault_of_the_users, raised
from plantnas.networks.preprocessing import as_the_teacher_saw
from plantnas.records.building import network_at, other_teacher, structure_to_plant
from plantnas.records.record import ImagesRecord
from plantnas.searching.loading import answering, load_teacher, started_seed
from plantnas.searching.measuring import study_cost
from plantnas.searching.outlines import images_record, narrowed, seed_structure
from plantnas.searching.proposals import Room, room_to_grow, suggest_counts, suggest_shares
from plantnas.training.answers import check_answers
from plantnas.training.augmentations import mixes_of, transforms_of
from plantnas.training.data import IN_MEMORY, Dataset, dataset_of
from plantnas.training.decoding import Storing
from plantnas.training.fitting import TrainingData, TrainingDiverged, fit, label_loss_of, labelled
from plantnas.training.hints import Hint, hinted_layer, teacher_features
from plantnas.training.images import with_label
from plantnas.training.logits import teacher_logits
from plantnas.training.losses import LOSSES, loss_of
from plantnas.training.metrics import ACCURACY, metrics_of
from plantnas.training.optimizers import whole_network_optimizer
from plantnas.training.samples import teacher_samples
from plantnas.trials.base_samplers import make_sampler
from plantnas.trials.sampler import PlantingSampler
from plantnas.trials.study import make_policy

BATCH = 8
"""Images of a batch; there are two."""
MEMORY = 2.0**28
"""Bytes that what the teacher computes inside may take here."""
VIEWS = 3
"""Views of an image, at most."""
PROPOSALS = 2
"""Of the sampler: the second is made in the knowledge of the first."""


def rehearsed(config: StudyConfig, storing: Storing = IN_MEMORY) -> Dataset:
    """The images of a study that is new, after it was tried out on them.

    Raises:
        DataError: They cannot be read.
        PlantnasError: As `rehearse`.
    """
    config = as_the_teacher_saw(config)
    dataset = dataset_of(config, storing)
    rehearse(config, dataset)
    return dataset


def rehearse(config: StudyConfig, dataset: Dataset) -> None:
    """Refuses a study that cannot be searched, in a second: random generators are left as they are.

    Raises:
        ConfigurationError: No group may grow as it says, no planting is within its limits, its
            sampler proposes none, or its networks cannot be trained on the images.
        UnsupportedArchitecture: Channels of its networks cannot be followed.
    """
    space, images = config.search_space, images_record(dataset)
    # One that does not take its arguments is told first.
    transforms_of(config.data)
    mixes_of(config.data)
    with _random_states_kept():
        structure = structure_to_plant(space, images, config.planting.column_init)
        teacher = narrowed(structure, space.teacher)
        widths = teacher.growable_widths
        seed = seed_structure(config, structure, widths, lambda: network_at(space, images, {}))
        cost = study_cost(config.search, space, images)
        room = room_to_grow(seed, widths, space.grow, config.search, cost)
        room.cost_at(widths)  # one of the user's tells what is wrong with it, here as for the seed
        _check_window(room, config.search.cost)
        _check_proposals(config, room)
        _check_measures(config, dataset)
        try:
            drawn = narrowed(structure, space.seed)
            _check_training(config, dataset, (teacher, drawn, seed), room)
        except PlantnasError:
            raise
        except Exception as error:  # of the networks: whatever they compute
            raise ConfigurationError(
                f"search_space.architecture: {space.architecture!r}: cannot be trained: "
                f"{raised(error)}."
            ) from error


@contextmanager
def _random_states_kept() -> Iterator[None]:
    """Within, the generators that every library has may be used: they are put back."""
    # Of Python and NumPy, whose generators code of the user's may draw from.
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002


def _check_window(room: Room, cost: str) -> None:
    if room.has_none():
        parameters, low, high = room.structure.parameters(), room.minimum, room.maximum
        raise ConfigurationError(
            f"search: nothing can be planted in the seed, of {parameters:,} parameters: no child "
            f"costs between {shown_cost(low)} and {shown_cost(high)} {title_of(cost)} "
            f"(minimum_growth, maximum_growth, maximum_cost) with at most "
            f"{room.maximum_parameters:,.0f} parameters (maximum_parameters) and no more channels "
            "than the teacher."
        )


def _check_proposals(config: StudyConfig, room: Room) -> None:
    settings = config.search.sampler
    policy = make_policy(config.search)
    sampler = PlantingSampler(make_sampler(settings, config.random_seed), policy)
    suggest = suggest_shares if config.search_space.grow.proposal == "shares" else suggest_counts
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            study = optuna.create_study(directions=["maximize", "minimize"], sampler=sampler)
            for _ in range(PROPOSALS):
                trial = study.ask()
                suggest(trial, room)
                study.tell(trial, (0.5, room.minimum))
    except PlantnasError:
        raise
    except Exception as error:  # of a sampler, in its own words, or of code of the user's
        if (fault := fault_of_the_users(error)) is not None:
            raise ConfigurationError(f"code of yours {fault}.") from error
        raise ConfigurationError(
            f"search.sampler.arguments: {settings.arguments!r}: {settings.name} cannot propose a "
            f"planting: {raised(error)}."
        ) from error
    finally:
        optuna.logging.set_verbosity(verbosity)


def _check_measures(config: StudyConfig, dataset: Dataset) -> None:
    """Computes the metric of made-up answers to all validation images, and the loss of few."""
    labels, few = dataset.validation.labels, _few_of(dataset).train.labels
    count = dataset.num_classes
    metrics_of(config.search.metric, dataset.task).alone.measured(
        torch.randn(len(labels), count), labels
    )
    logits = torch.randn(len(few), count, requires_grad=True)
    loss = loss_of(config.distillation, dataset.task, label_loss_of(config, dataset))
    found = loss(logits, few, torch.randn(len(few), count))
    is_scalar = found.ndim == 0
    if not (is_scalar and found.isfinite() and found.requires_grad):
        what = f"{found.item()}" if is_scalar else f"a tensor of shape {tuple(found.shape)}"
        without = "" if found.requires_grad else " without a gradient"
        raise ConfigurationError(
            f"{LOSSES.key}: {config.distillation.loss!r}: is {what}{without} on {len(few)} images, "
            "where a finite scalar with a gradient is needed."
        )


def _check_training(
    config: StudyConfig,
    dataset: Dataset,
    structures: tuple[Structure, Structure, Structure],
    room: Room,
) -> None:
    """Trains copies of teacher and seed on two batches, and plants in the seed.

    Args:
        config: The study's.
        dataset: Its images.
        structures: The teacher's, the seed's as it is drawn, and as it starts.
        room: What may be planted in the seed.
    """
    widest, drawn, narrowest = structures
    space, images = config.search_space, images_record(dataset)
    few_views = {"views": min(config.data.views, VIEWS)}
    few = config.model_copy(update={"data": config.data.model_copy(update=few_views)})
    data = labelled(few, _few_of(dataset), torch.device("cpu"))
    data = replace(data, metrics=ACCURACY)  # few images have not what every metric needs
    large = _trained_teacher(config, images, widest, data)
    targets = data.targets._replace(teacher_logits=teacher_logits(large, data.inputs))
    hint = None
    if (layer := hinted_layer(config, widest)) is not None:
        features = teacher_features(large, data.inputs, layer)
        hint = Hint(layer, config.distillation.hint_weight, features)
    answers = teacher_logits(large, data.validation_inputs)
    data = replace(
        data,
        targets=targets,
        validation_targets=data.validation_targets._replace(teacher_logits=answers),
        loss=loss_of(config.distillation, dataset.task, data.label_loss),
        hint=hint,
    )
    donor = _donor(config, large, widest, data)
    small = network_at(space, images, drawn.growable_widths)
    if config.seed.start != "fresh":
        small = started_seed(small, drawn, narrowest, config, data.example, donor)
    _fit(small, config.seed, narrowest.parameters(), data)
    planting = {name: group.granularity for name, group in room.groups.items()}
    start = Initialisation(ROWS.find(config.planting.rows), config.planting.column_init, donor)
    generator = torch.Generator().manual_seed(config.random_seed)
    child = plant(
        small, data.example, planting, generator, initialisation=start, structure=narrowest
    )
    _fit(child, config.planting, narrowest.after(planting).parameters(), data)


def _trained_teacher(
    config: StudyConfig, images_record: ImagesRecord, widest: Structure, data: TrainingData
) -> nn.Module:
    space = config.search_space
    if space.has_other_teacher:
        network = other_teacher(space, images_record)
        classifier = answering(network, images_record.num_classes)
    else:
        network = network_at(space, images_record, widest.growable_widths)
        classifier = classifier_tensors(widest)
    load_teacher(network, config, classifier, lambda message: None)
    try:
        check_answers(network, data.example, images_record.num_classes, lambda message: None)
        _fit(network, config.teacher, parameters_of(network), data)
    except PlantnasError:
        raise
    except Exception as error:  # of the network: whatever it computes
        where = "search_space.teacher" if space.has_other_teacher else "search_space"
        raise ConfigurationError(
            f"{where}.architecture: {space.of_teacher.architecture!r}: cannot be trained: "
            f"{raised(error)}."
        ) from error
    return network


def _few_of(dataset: Dataset) -> Dataset:
    """Two batches of labelled images to train on, and one to validate."""
    train, validation = dataset.train, dataset.validation
    few = train.subset(with_label(train.labels)[: 2 * BATCH])
    return replace(
        dataset,
        train=few,
        validation=validation.subset(torch.arange(len(validation.labels))[:BATCH]),
    )


def _fit(network: nn.Module, recipe: Recipe, parameters: int, training_data: TrainingData) -> None:
    brief = {"epochs": min(1, recipe.epochs), "batch_size": BATCH, "precision": "float32"}
    recipe = recipe.model_copy(update=brief).for_size(parameters)
    generator = torch.Generator().manual_seed(0)
    with suppress(TrainingDiverged):  # two batches do not say whether all would
        fit(network, whole_network_optimizer(network, recipe), training_data, recipe, generator)


def _donor(
    config: StudyConfig, network: nn.Module, structure: Structure, training_data: TrainingData
) -> Donor | None:
    """The teacher's copy, with what it computes inside where channels may be fitted to that."""
    if not config.teacher_gives_channels:
        return None
    donor = Donor(network.eval(), structure)
    if not config.fits_channels:
        return donor
    kept = teacher_samples(donor, training_data.inputs, MEMORY, torch.Generator().manual_seed(0))
    (images,) = training_data.inputs.batch(kept.views, kept.indices)
    return donor._replace(samples=Samples(images, kept.outputs, kept.indices))
