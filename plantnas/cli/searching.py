"""The commands that search: `quickstart` and `run`."""

from typing import TYPE_CHECKING, Annotated

import typer

from plantnas.cli.options import (
    Devices,
    Directory,
    Seed,
    Storage,
    Study,
    Timeout,
    Workers,
    console,
    finite,
    place_named,
    show,
)
from plantnas.config import StudyConfig
from plantnas.config_files import load_study, with_overrides
from plantnas.errors import ConfigurationError
from plantnas.place import Place

if TYPE_CHECKING:
    from collections.abc import Sequence

    import optuna

    from plantnas.searching.progress import StepProgress


def quickstart(workers: Workers = 2, folder: Directory = None, seed: Seed = None) -> None:
    """A whole study on scikit-learn's handwritten digits, in less than a minute."""
    config = with_overrides(load_study("digits"), {"random_seed": seed})
    _run(config, place_named(config.name, None, folder), workers, "cpu")
    console.print(
        "\nTo try next:\n"
        "  plantnas report digits                    one page: what to pick, what it cost, why\n"
        "  plantnas status digits                    steps, trials and cost of this study\n"
        "  plantnas groups torchvision/resnet18      what could grow in a network\n"
        "  plantnas run fashion-mnist --workers 2    a longer study, on Fashion-MNIST"
    )


def run(
    name_or_file: Study,
    workers: Workers = 1,
    storage: Storage = None,
    folder: Directory = None,
    steps: Annotated[int | None, typer.Option(help="Steps of the search.")] = None,
    trials_per_step: Annotated[int | None, typer.Option(help="Screening trials a step.")] = None,
    seed: Seed = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the study, such as of one with another --seed.")
    ] = None,
    devices: Devices = "auto",
    timeout: Timeout = None,
    hours: Annotated[float | None, typer.Option(min=0, help="--timeout in hours.")] = None,
) -> None:
    """Run a study, or resume it if it exists."""
    overrides = {
        "name": name,
        "search.steps": steps,
        "search.trials_per_step": trials_per_step,
        "random_seed": seed,
    }
    config = with_overrides(load_study(name_or_file), overrides)
    if timeout is not None and hours is not None:
        raise ConfigurationError("timeout: says how long; --hours has no meaning beside it.")
    seconds = timeout if hours is None else 3600 * finite(hours)
    _run(config, place_named(config.name, storage, folder), workers, devices, seconds)


def _run(
    config: StudyConfig, place: Place, workers: int, devices: str, timeout: float | None = None
) -> None:
    import optuna

    from plantnas.records.engine import shown_url
    from plantnas.records.recorded_config import as_recorded_at
    from plantnas.report.finish import finish
    from plantnas.report.terminal import front_table
    from plantnas.searching.devices import chosen_devices
    from plantnas.searching.display import displayed
    from plantnas.trials.study import is_complete
    from plantnas.workers.limits import Limits, deadline_in
    from plantnas.workers.run import Workforce, run_watched

    optuna.logging.set_verbosity(optuna.logging.WARNING)  # what is displayed says it
    publisher = Publisher(place.url)
    with displayed(console, as_recorded_at(config, place.url)) as display:

        def watch(study: optuna.Study) -> None:
            publisher.after_step(study, display.show(study))

        limits = Limits(deadline_in(timeout), display.callbacks)
        workforce = Workforce(workers, chosen_devices(devices), limits)
        study = run_watched(config, place, workforce, display.say, watch)
    if timeout is not None and not is_complete(study, as_recorded_at(config, place.url).search):
        return  # the test split is read once, when all networks are there to be chosen from
    networks, page = finish(place.url, place.name, place.directory)
    publisher.publish(study)
    console.print(front_table(networks))
    show(f"Database: {shown_url(place.url)}\nPareto plot: {page}")
    if publisher.trouble:
        show(publisher.trouble)


class Publisher:
    """Keeps what Optuna's dashboard shows of a study fresh while it runs, where that is installed.

    Attributes:
        trouble: Why it could not be, the last time; empty if it could.
    """

    def __init__(self, url: str) -> None:
        """Publishes studies of the database at this URL."""
        self.trouble = ""
        self._url = url
        self._step = 1

    def after_step(self, study: "optuna.Study", steps: "Sequence[StepProgress]") -> None:
        """Publish if a step has begun since the last time: the one before it has a winner."""
        step = max((each.step for each in steps), default=1)
        if step > self._step:
            self._step = step
            self.publish(study)

    def publish(self, study: "optuna.Study") -> None:
        """Publish now."""
        from plantnas.records.database import Database
        from plantnas.report.dashboard import is_installed, publish

        if is_installed():
            self.trouble = publish(study, Database(self._url)) or ""
