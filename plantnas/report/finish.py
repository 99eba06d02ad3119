"""What follows a finished search: the one reading of the test split, and the Pareto page."""

from pathlib import Path

from plantnas.records.database import Database, NetworkRecord
from plantnas.report.front import pareto_front
from plantnas.report.images import evaluate_on_test
from plantnas.report.plots import pareto_figure, pareto_info, write_page


def finish(url: str, study: str, directory: Path) -> tuple[list[NetworkRecord], Path]:
    """Evaluates the front, the seed and the teacher on the test split, and writes the plot.

    The networks are chosen by validation before the test split is read, and what was evaluated
    once is not evaluated again.

    Returns:
        All networks of the study, and the path of the page.

    Raises:
        DataError: The test split cannot be read.
        StorageError: A file cannot be read or written.
    """
    database = Database(url)
    networks = database.networks(study)
    references = [network for network in networks if network.kind is None]
    chosen = {network.id: network for network in [*pareto_front(networks), *references]}
    evaluate_on_test(database, study, list(chosen.values()))
    page = directory / "pareto.html"
    write_page(pareto_figure(pareto_info(database, study)), page)
    return database.networks(study), page
