"""What follows a finished search or its baselines: the one reading of the test split, and pages."""

from collections.abc import Sequence
from pathlib import Path

from plantnas.records.database import Database
from plantnas.records.record import NetworkRecord
from plantnas.records.study import StudyRecords
from plantnas.report.entries import compared_networks
from plantnas.report.front import front_and_references
from plantnas.report.images import evaluate_on
from plantnas.report.plots import pareto, write_figure


def finish(url: str, name: str, directory: Path) -> tuple[list[NetworkRecord], Path]:
    """Evaluates what was chosen on the test split, and writes the plot.

    Returns:
        All networks of the study, and the path of the page.

    Raises:
        DataError: The test split cannot be read.
        StorageError: A file cannot be read or written.
    """
    records = StudyRecords(Database(url), name)
    evaluate_chosen(records)
    page = directory / "pareto.html"
    write_figure(pareto(records.database, name), page)
    return records.networks(), page


def evaluate_chosen(records: StudyRecords) -> None:
    """Evaluates the front, the seed, the teacher and what is compared on the test split.

    They are evaluated on the training split too: the distance tells how much they overfit.

    The networks are chosen by validation before the test split is read, and what was evaluated
    once is not evaluated again.

    Raises:
        DataError: A split cannot be read.
        StorageError: A file cannot be read.
    """
    networks = records.networks()
    _evaluate(records, [*front_and_references(networks), *compared_networks(networks)])


def finish_baselines(url: str, name: str) -> None:
    """Evaluates what is compared on the test split and the training split: each network once.

    Raises:
        DataError: A split cannot be read.
        StorageError: A file cannot be read.
    """
    records = StudyRecords(Database(url), name)
    networks = records.networks()
    teacher = [record for record in networks if record.method == "teacher"]
    _evaluate(records, [*teacher, *compared_networks(networks)])


def _evaluate(records: StudyRecords, networks: Sequence[NetworkRecord]) -> None:
    evaluate_on(records, "test", networks)
    evaluate_on(records, "train", networks)
