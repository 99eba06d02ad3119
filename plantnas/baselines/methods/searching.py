"""Plain architecture search as a baseline: every trial trains a fresh network from scratch.

It has the study's sampler, the study's widths from the seed's to the teacher's, the seed's recipe
with the epochs of the smallest target's lineage, distillation from the study's teacher, and as many
seconds as the whole search by planting took. A trial's network is final: nothing is trained again.
"""

from collections.abc import Sequence
from dataclasses import replace

import optuna

from plantnas.baselines.budget import Budget, TimeBudget, Trainer
from plantnas.baselines.methods import SearchMethod
from plantnas.baselines.recording import baseline_record
from plantnas.baselines.sizes import TOLERANCE, SizeNotReachable
from plantnas.channels.costs import shown_cost, title_of
from plantnas.config import Search
from plantnas.errors import ConfigurationError
from plantnas.listening import training
from plantnas.records.optuna_tables import COMPLETE_KEY
from plantnas.records.record import BaselineRun, NetworkRecord
from plantnas.report.entries import seconds_of, validation_rank
from plantnas.report.front import validation_accuracy
from plantnas.search_space import Growth
from plantnas.searching.prepared import PreparedStudy
from plantnas.searching.proposals import Room, room_to_grow, suggest_shares
from plantnas.training.fitting import TrainingDiverged
from plantnas.training.seeds import derived_seed, generator_for
from plantnas.trials.base_samplers import make_sampler
from plantnas.trials.sampler import SINGLE_OBJECTIVE_SAMPLERS
from plantnas.trials.storage import open_storage
from plantnas.trials.study import create_study

SEARCH = "search-kd"
"""The method's name."""
SMALLEST = 0.7
"""The search's networks have at least this share of the cheapest target's cost."""


def study_name(name: str) -> str:
    """The name of the search's own Optuna study, beside the planting study in its database."""
    return f"{name}.{SEARCH}"


def trials_of(networks: Sequence[NetworkRecord]) -> list[NetworkRecord]:
    """The networks that the search's trials have trained."""
    return [each for each in networks if each.method == SEARCH and each.kind == "trial"]


def is_searched(config_name: str, url: str) -> bool:
    """Whether the search has spent its seconds."""
    storage, name = open_storage(url), study_name(config_name)
    if name not in optuna.get_all_study_names(storage):
        return False
    return COMPLETE_KEY in optuna.load_study(study_name=name, storage=storage).user_attrs


def search(
    prepared: PreparedStudy, url: str, targets: Sequence[NetworkRecord], epochs: int, seconds: float
) -> None:
    """Search until the seconds are spent; the trials' networks are recorded with their weights.

    Args:
        prepared: Whose data, teacher, sampler and widths it has.
        url: Of the study's database.
        targets: The networks cost about as little as these, and as much.
        epochs: Of each trial.
        seconds: Of training, all trials together, those of an earlier call included.

    Raises:
        ConfigurationError: The study's sampler refuses two objectives.
    """
    config = prepared.config
    trials = trials_of(prepared.records.networks())
    # Another seed when it goes on, or the sampler's first draws would be those of the first trials.
    seed = derived_seed(config.random_seed, SEARCH, len(trials))
    sampler = make_sampler(config.search.sampler, seed)
    if isinstance(sampler, SINGLE_OBJECTIVE_SAMPLERS):
        raise ConfigurationError(
            f"search.sampler.name: {config.search.sampler.name!r} searches for one objective, but "
            "this search has two, accuracy and cost."
        )
    study = create_study(study_name(config.name), url, sampler)
    budget = TimeBudget(seconds, seconds_of(trials))
    room = _room(prepared, targets)

    def objective(trial: optuna.Trial) -> tuple[float, float]:
        record = _train_proposal(prepared, trial, room, epochs, budget)
        return validation_accuracy(record), record.cost

    def stop(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        if budget.is_spent:
            study.stop()

    if not budget.is_spent:
        study.optimize(objective, callbacks=[stop])
    study.set_user_attr(COMPLETE_KEY, True)


def best_of_size(
    networks: Sequence[NetworkRecord], price: float, title: str = "parameters"
) -> NetworkRecord:
    """The trial's network that a user would take: the best on validation that is cheap enough.

    Raises:
        SizeNotReachable: None is.
    """
    cheap = [each for each in networks if each.cost <= (1 + TOLERANCE) * price]
    if not cheap:
        raise SizeNotReachable(f"no network of the search has at most {shown_cost(price)} {title}.")
    return max(cheap, key=lambda record: validation_rank([record]))


def picked(
    networks: Sequence[NetworkRecord], target: NetworkRecord, learning_rate: float
) -> NetworkRecord:
    """The record of the search's network for a target.

    Raises:
        SizeNotReachable: The search has none that is cheap enough.
    """
    assert target.id is not None
    title = title_of(target.cost_name)
    trial = best_of_size(trials_of(networks), target.cost, title)
    run = BaselineRun(target.id, 0, learning_rate, len(trial.epochs), uses_teacher=True)
    return replace(trial, id=None, kind="baseline", step=target.step, baseline=run, created=None)


def _room(prepared: PreparedStudy, targets: Sequence[NetworkRecord]) -> Room:
    """All widths between the seed's and the teacher's, at costs like the targets'."""
    seed, costs = prepared.parent(None), [target.cost for target in targets]
    low = max(1.0, SMALLEST * min(costs) / seed.record.cost)
    high = (1 + TOLERANCE) * max(costs) / seed.record.cost
    # What is measured may be less of a planted network than of the seed.
    window = Search(minimum_growth=low, maximum_growth=max(low, high))
    growth = Growth(groups=prepared.config.search_space.grow.groups, up_to=1e6)
    return room_to_grow(seed.structure, prepared.widest, growth, window, prepared.pricing.cost)


def _train_proposal(
    prepared: PreparedStudy, trial: optuna.Trial, room: Room, epochs: int, budget: TimeBudget
) -> NetworkRecord:
    parent, config = prepared.parent(None), prepared.config
    growth = suggest_shares(trial, room)
    widths = parent.structure.after(growth).growable_widths
    purpose = (SEARCH, sorted(widths.items()))
    seed = derived_seed(config.random_seed, *purpose, "weights")
    network = prepared.records.build(widths, seed).to(prepared.device)
    generator = generator_for(config.random_seed, *purpose, "batches")
    trainer = Trainer(replace(prepared.data, hint=None), config.seed, Budget(epochs), generator)
    before = budget.spent
    try:
        with training(SEARCH, detail=f"trial {trial.number}"):
            trainer.train(network, epochs, stop=budget.after)
    except TrainingDiverged as error:
        budget.spent = before + trainer.phases.seconds["training"]
        raise optuna.TrialPruned(str(error)) from error
    if len(trainer.epochs) == epochs:
        budget.after(trainer.epochs[-1])  # it is not asked about the last one
    record = baseline_record(prepared, trial, SEARCH, trainer.trained(network))
    record = replace(record, kind="trial")
    prepared.records.add(record)
    return record


METHODS = (SearchMethod(SEARCH, search, is_searched, picked, by_default=True),)
