"""Finishes networks of a study: one alone that is nested in no other, or a lineage as a family.

They start as the closed form of the study's teacher at these widths, and nothing of them is frozen.
How they are trained is in methods/finish.py and methods/together.py, as of the baselines.
"""

from collections.abc import Sequence
from math import inf
from typing import NamedTuple

from plantnas.baselines.making import make_baseline, make_family, record_family
from plantnas.baselines.methods import FamilyMethod, Method, method_named
from plantnas.baselines.planning import LOCK, Task, lineage_epochs
from plantnas.config import MOST_EPOCHS
from plantnas.errors import ConfigurationError, Say, StudyError
from plantnas.files import alone
from plantnas.place import Place
from plantnas.records.database import Database
from plantnas.records.record import NetworkRecord
from plantnas.records.study import StudyRecords
from plantnas.report.export.choice import Wanted, wanted_record
from plantnas.report.finish import evaluate_chosen
from plantnas.report.front import (
    FAMILY,
    FINISH,
    PLANTING,
    lineage,
    metric_of,
    teacher_of,
    validation_text,
    winning_lineage,
)
from plantnas.searching.objective import PlantingObjective
from plantnas.trials.storage import make_folder, open_database
from plantnas.trials.study import existing_study, is_complete, open_study


class Plan(NamedTuple):
    """How networks are finished.

    Attributes:
        sources: The networks of the study that they have their widths from, smallest first.
        epochs: Of their training; None: as many as a baseline of these sizes has.
        learning_rate: Peak of the schedule.
        together: Whether they are trained as a family.
    """

    sources: tuple[NetworkRecord, ...]
    epochs: int | None
    learning_rate: float
    together: bool

    @property
    def method(self) -> str:
        """What makes them."""
        return FAMILY if self.together else FINISH

    def done_by(self, networks: Sequence[NetworkRecord]) -> list[NetworkRecord]:
        """The networks that were finished so already: all that are wanted, or none."""
        alike = [each for each in networks if each.method == self.method and self._is_like(each)]
        parents = {each.parent_id for each in alike}
        for last in alike:
            if last.id in parents:
                continue  # a part of a larger family, which was trained otherwise
            line = lineage(networks, last) if self.together else [last]
            if [each.widths for each in line] == [each.widths for each in self.sources]:
                return line
        return []

    def _is_like(self, record: NetworkRecord) -> bool:
        """Whether it was trained for as long, and with this rate."""
        is_long = record.baseline if self.epochs is None else record.epochs[-1].epoch == self.epochs
        return bool(is_long) and record.epochs[0].learning_rate == self.learning_rate


def plan_for(
    records: StudyRecords,
    asked: Wanted,
    epochs: int | None = None,
    learning_rate: float | None = None,
    together: bool = False,
) -> Plan:
    """How the networks are finished that a user wants.

    Args:
        records: The study's.
        asked: The number of a planted network of it or of its seed, or the most parameters of the
            best one. A family may have neither: it is then the lineage of the best of all.
        epochs: By default as many as a baseline of these sizes has.
        learning_rate: By default the peak of the seed's schedule, for the largest of these sizes.
        together: The network and all its ancestors are finished, as a family.

    Raises:
        ConfigurationError: There is both a number and a limit or neither, or a value that has no
            meaning.
        StudyError: The study has not begun, there is no such network, or none that is so small.
    """
    networks = records.networks()
    teacher = teacher_of(networks)
    if teacher is None:
        raise StudyError(f"study {records.name!r}: has no teacher yet; run the study first.")
    if teacher.is_other_teacher:
        raise StudyError(
            f"study {records.name!r}: its teacher is of another architecture, so that no network "
            "of the study can start from its channels, as a finished one does."
        )
    if epochs is not None and not 1 <= epochs <= MOST_EPOCHS:
        raise ConfigurationError(
            f"epochs {epochs}: is not a positive number of at most {MOST_EPOCHS}."
        )
    if learning_rate is not None and not 0 < learning_rate < inf:
        raise ConfigurationError(f"learning rate {learning_rate:g}: is not a positive number.")
    if together and asked == Wanted():
        sources = winning_lineage(networks)
        if not sources:
            raise StudyError(f"study {records.name!r}: has no grown network on its front yet.")
    else:
        source = _source(records, networks, asked)
        sources = lineage(networks, source) if together else [source]
    if not together:
        epochs = epochs or lineage_epochs(networks, sources[-1])
    rate = learning_rate or records.config.seed.for_size(sources[-1].parameters).peak
    return Plan(tuple(sources), epochs, rate, together)


def _source(
    records: StudyRecords, networks: Sequence[NetworkRecord], asked: Wanted
) -> NetworkRecord:
    """The seed or planted network that a user asks for."""
    if asked == Wanted():
        raise ConfigurationError(
            "finish: needs a network's number, or a limit, such as the most parameters."
        )
    own = ("seed", PLANTING)
    source = wanted_record(records, [each for each in networks if each.method in own], asked)
    if source.method not in own:
        raise StudyError(
            f"study {records.name!r}: network {source.id} is of method {source.method!r}: only the "
            "seed and planted networks can be finished."
        )
    return source


def finish_networks(place: Place, plan: Plan, device: str, say: Say) -> list[NetworkRecord]:
    """The networks of the plan, smallest first, which are trained and recorded if not done yet.

    Args:
        place: Where the study is; it may still run.
        plan: How they are finished.
        device: Where they are trained.
        say: Is told what is being done.

    Raises:
        TrainingDiverged: A loss was not finite.
        StorageError: The database or the weights cannot be written.
    """
    records = StudyRecords(Database(place.url), place.name)
    make_folder(place.directory)
    with alone(place.directory / LOCK):  # the same command may be typed twice
        if done := plan.done_by(records.networks()):
            say(f"{_numbers(done)}: finished so already")
            return done
        study = open_study(records.config, place.url)
        prepared = PlantingObjective(records.config, place.directory, device).prepared(study, say)
        method = method_named(plan.method)
        if isinstance(method, FamilyMethod):
            say(f"finishing {_numbers(plan.sources)} together")
            task = Task(plan.method, None, 0, plan.learning_rate, plan.epochs)
            made = make_family(prepared, study, task, method, plan.sources)
            ids = record_family(records, made)
        else:
            assert isinstance(method, Method)
            say(f"finishing {_numbers(plan.sources)} for {plan.epochs} epochs")
            (source,) = plan.sources
            task = Task(plan.method, source.id, 0, plan.learning_rate, plan.epochs)
            ids = [records.add(make_baseline(prepared, study, task, method))]
        return [records.network(network_id) for network_id in ids]


def evaluate_finished(place: Place) -> None:
    """Evaluates what is chosen on the test split, for a study that still runs when it ends.

    Raises:
        DataError: A split cannot be read.
        StorageError: A file cannot be read.
    """
    study = existing_study(place.name, place.url)
    records = StudyRecords(open_database(study), place.name)
    if is_complete(study, records.config.search):
        evaluate_chosen(records)


def summary(record: NetworkRecord, source: NetworkRecord) -> str:
    """What finishing a network has given, in a line.

    Args:
        record: The finished network.
        source: The one that it has its widths from.
    """
    before, last, metric = record.epochs[0], record.epochs[-1], metric_of([record])
    return (
        f"Network {record.id}: widths {' '.join(map(str, record.widths.values()))}, "
        f"{record.parameters:,} parameters, validation {metric.words} "
        f"{metric.short(before.validation_accuracy)} before training, {validation_text(record)} "
        f"after {last.epoch} epochs; network {source.id}, which has these widths nested, has "
        f"{validation_text(source)}."
    )


def _numbers(networks: Sequence[NetworkRecord]) -> str:
    """`network 3`, or `networks 3, 5 and 7`."""
    *first, last = [str(network.id) for network in networks]
    return f"networks {', '.join(first)} and {last}" if first else f"network {last}"
