"""Which baselines a study still lacks. Nothing here trains; what is recorded is never made again.

A method's learning rate is tuned on one target, with one repetition at each rate of a grid; all its
other networks have the rate that validation chose there.
"""

from collections.abc import Collection, Mapping, Sequence
from math import inf
from typing import Literal, NamedTuple, get_args

from plantnas.baselines.methods import (
    AnyMethod,
    FamilyMethod,
    Method,
    SearchMethod,
    default_methods,
    method_named,
    takes_channels,
)
from plantnas.channels.costs import shown_cost, title_of
from plantnas.errors import ConfigurationError, StudyError, did_you_mean
from plantnas.grouping import grouped
from plantnas.records.record import NetworkRecord
from plantnas.report.entries import chosen_rates
from plantnas.report.front import (
    lineage,
    pareto_front,
    teacher_of,
    unfinished,
    validation_accuracy,
)

LOCK = "baselines.lock"
"""The file in a study's folder with which one process at a time makes baselines or finishes."""

TargetChoice = Literal["front", "lineage"]
TARGET_CHOICES: tuple[TargetChoice, ...] = get_args(TargetChoice)


class Request(NamedTuple):
    """What a user wants.

    Attributes:
        methods: Of which baselines are made, by what the user called them.
        targets: The planted networks whose costs they get, cheapest first.
        repetitions: Networks of each method and target.
        rates: The grid of learning rates.
    """

    methods: Mapping[str, AnyMethod]
    targets: tuple[NetworkRecord, ...]
    repetitions: int
    rates: tuple[float, ...]


class Task(NamedTuple):
    """One network to make; where there is no target, one for each or a whole search."""

    method: str
    target_id: int | None
    repetition: int
    learning_rate: float
    epochs: int | None = None
    """Of the training; None: those of a baseline."""

    @property
    def run(self) -> str:
        """What tells it from others of its method and cost, in words."""
        again = f", repetition {self.repetition + 1}" if self.repetition else ""
        return f"rate {self.learning_rate:g}{again}"

    def detail(self, target: NetworkRecord) -> str:
        """What tells it from others of its method, in words."""
        return f"at {shown_cost(target.cost)} {title_of(target.cost_name)}, {self.run}"


def parse_request(
    name: str,
    networks: Sequence[NetworkRecord],
    methods: str | None,
    choice: str,
    repetitions: int,
    rates: str,
) -> Request:
    """What a user wants, from comma-separated words.

    Raises:
        PlantnasError: As `request_for`.
    """
    words = None if methods is None else methods.split(",")
    return request_for(name, networks, words, choice, repetitions, rates.split(","))


def request_for(
    name: str,
    networks: Sequence[NetworkRecord],
    methods: Sequence[str] | None,
    choice: str,
    repetitions: int,
    learning_rates: Sequence[str | float],
) -> Request:
    """What a user wants, from names and numbers.

    Raises:
        ConfigurationError: An unknown method or choice of targets, or a rate that is none.
        StudyError: The study has no grown network yet.
    """
    named = {
        word.strip(): method_named(word.strip())
        for word in (default_methods() if methods is None else methods)
    }
    teacher = teacher_of(networks)
    if teacher is not None and teacher.is_other_teacher:
        from_it = [word for word, method in named.items() if takes_channels(method)]
        if methods is not None and from_it:
            raise ConfigurationError(
                f"methods: {from_it[0]!r}: starts from the teacher's channels, but study {name!r} "
                "has a teacher of another architecture."
            )
        named = {word: method for word, method in named.items() if word not in from_it}
    if choice not in TARGET_CHOICES:
        raise ConfigurationError(f"targets: {choice!r}. {did_you_mean(choice, TARGET_CHOICES)}")
    try:
        grid = tuple(sorted({float(rate) for rate in learning_rates}))
    except (ValueError, TypeError):
        grid = ()
    if not grid or not all(0 < rate < inf for rate in grid):
        said = ",".join(map(str, learning_rates))
        raise ConfigurationError(f"rates {said!r}: are not positive numbers between commas.")
    return Request(
        named,
        targets_among(name, networks, choice),
        repetitions,
        grid,
    )


def targets_among(
    name: str, networks: Sequence[NetworkRecord], choice: TargetChoice
) -> tuple[NetworkRecord, ...]:
    """The networks that baselines are compared to, cheapest first.

    Args:
        name: Name of the study.
        networks: All of it.
        choice: The planted ones on its `front`, or the most accurate of them with its `lineage`,
            the seed included, each network wider than the one before.

    Raises:
        StudyError: There are none yet.
    """
    planted = [each for each in networks if each.method == "planting" and each.kind == "grow"]
    if not planted:
        raise StudyError(f"study {name!r}: has no grown network yet; run the study first.")
    front = [each for each in pareto_front(unfinished(networks)) if each.method == "planting"]
    best = max(front or planted, key=validation_accuracy)
    if choice == "lineage":
        front = lineage(networks, best)
    elif not front:  # teacher and seed may beat them all
        front = [each for each in lineage(networks, best) if each.method == "planting"]
    return tuple(front)


def lineage_epochs(networks: Sequence[NetworkRecord], target: NetworkRecord) -> int:
    """Epochs of a target and all its ancestors: the budget of what is compared to it."""
    return sum(len(network.epochs) for network in lineage(networks, target))


def outstanding(
    request: Request,
    networks: Sequence[NetworkRecord],
    refused: Collection[Task],
    searched: Collection[str],
    search_rate: float,
) -> list[Task]:
    """The tasks that can be started now; none when all is done.

    Args:
        request: What is wanted.
        networks: What is recorded.
        refused: What was tried and cannot be made.
        searched: The names of the searches that have ended.
        search_rate: The learning rate of a search's trials.
    """
    done = {
        Task(network.method, run.target_id, run.repetition, run.learning_rate)
        for network in networks
        if (run := network.baseline) is not None
    }
    # A family is done when all its networks are.
    all_of = grouped((task._replace(target_id=None), task.target_id) for task in done)
    targets = {target.id for target in request.targets}
    done |= {task for task, theirs in all_of.items() if targets <= set(theirs)}
    rates = chosen_rates(networks)
    wanted = list[Task]()
    for method in request.methods.values():
        if isinstance(method, FamilyMethod):
            wanted += _of_family(method.name, request, done, refused, rates)
        elif isinstance(method, Method):
            wanted += _of_method(method.name, request, done, refused, rates)
        elif method.name in searched:
            wanted += [Task(method.name, each.id, 0, search_rate) for each in request.targets]
        else:
            wanted.append(Task(method.name, None, 0, search_rate))
    return [task for task in wanted if task not in done and task not in refused]


def networks_of(tasks: Sequence[Task], request: Request) -> int:
    """How many networks some tasks make; a search makes none before they are picked from it."""
    methods = {method.name: method for method in request.methods.values()}
    families = [task for task in tasks if isinstance(methods[task.method], FamilyMethod)]
    alone = [task for task in tasks if task.target_id is not None]
    return len(alone) + len(families) * len(request.targets)


def following(tasks: Sequence[Task], request: Request, networks: Sequence[NetworkRecord]) -> int:
    """How many networks there will be to make after these tasks, which may be of a grid.

    Args:
        tasks: Those that are outstanding.
        request: What is wanted.
        networks: What is recorded.
    """
    rates, sizes, count = chosen_rates(networks), len(request.targets), 0
    for method in request.methods.values():
        theirs = [task for task in tasks if task.method == method.name]
        if isinstance(method, SearchMethod):
            count += sum(sizes for task in theirs if task.target_id is None)
        elif any(task.learning_rate != rates.get(method.name) for task in theirs):
            # Of the grid one network has the rate that all others will have.
            of_each = sizes if isinstance(method, FamilyMethod) else 1
            trainings = request.repetitions * (1 if isinstance(method, FamilyMethod) else sizes)
            count += (trainings - 1) * of_each
    return count


def _of_method(
    method: str,
    request: Request,
    done: Collection[Task],
    refused: Collection[Task],
    rates: Mapping[str, float],
) -> list[Task]:
    """The grid on the target that is tuned on; when that is done, everything at the chosen rate."""
    # It is the middle one by size, or else one of those next to it.
    targets, middle = request.targets, len(request.targets) // 2
    for place in sorted(range(len(targets)), key=lambda place: abs(place - middle)):
        grid = [Task(method, targets[place].id, 0, rate) for rate in request.rates]
        if not all(task in refused for task in grid):
            break
    if not all(task in done or task in refused for task in grid):
        return grid
    if method not in rates:
        return []
    return [
        Task(method, target.id, repetition, rates[method])
        for repetition in range(request.repetitions)
        for target in request.targets
    ]


def _of_family(
    method: str,
    request: Request,
    done: Collection[Task],
    refused: Collection[Task],
    rates: Mapping[str, float],
) -> list[Task]:
    """All sizes at once: with each rate of the grid, then repetitions at the chosen one."""
    grid = [Task(method, None, 0, rate) for rate in request.rates]
    if not all(task in done or task in refused for task in grid):
        return grid
    if method not in rates:
        return []
    return [Task(method, None, each, rates[method]) for each in range(request.repetitions)]
