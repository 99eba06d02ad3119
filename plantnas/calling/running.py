"""Runs what plantnas.search was asked: in this process, or in workers that get copies.

How the copies are made is in shipping.py.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import optuna
from rich import get_console

from plantnas.calling.asked import handed_names
from plantnas.calling.shipping import shipped
from plantnas.config import StudyConfig
from plantnas.errors import Say, StudyError
from plantnas.given import check_given
from plantnas.handed import handed_things, is_handed
from plantnas.listening import Listener, listening
from plantnas.place import Place
from plantnas.records.database import Database
from plantnas.records.recorded_config import as_recorded_at, is_recorded
from plantnas.records.study import StudyRecords
from plantnas.searching.display import Making, displayed, making_displayed, making_said, said
from plantnas.training.handed_data import HandedData
from plantnas.workers.run import Watch, Workforce, run_here, run_watched


def check_same(place: Place, config: StudyConfig) -> None:
    """Refuses to go on with a study of other objects than it was made with.

    Raises:
        StudyError: It says which of them differs, and by which fingerprints.
    """
    if "://" not in place.url or not is_recorded(place.name, place.url):
        return
    records = StudyRecords(Database.to_read(place.url, place.name), place.name)
    recorded = records.record.configuration
    records.database.close()
    named = recorded["search_space"].get("teacher", {}).get("architecture")
    pairs = {
        "teacher": (config.search_space.teacher.architecture or "", named or ""),
        "model": (config.search_space.architecture, recorded["search_space"]["architecture"]),
        "train and validation": (config.data.name, recorded["data"]["name"]),
    }
    for what, (here, there) in pairs.items():
        if here != there and (is_handed(here) or is_handed(there)):
            raise StudyError(
                f"{what}: not what study {place.name!r} was made with: here {_shown(here)}, there "
                f"{_shown(there)}. Give the same, or another name or storage."
            )


def run_search(config: StudyConfig, place: Place, workforce: Workforce, say: Say | None) -> None:
    """Runs or resumes a study; with no function to say lines to, a terminal or notebook shows it.

    Raises:
        PlantnasError: As `run_watched`; also where an object cannot be sent to a worker.
    """
    with quiet():
        recorded = as_recorded_at(config, place.url)
        shows = displayed(get_console(), recorded) if say is None else said(say, recorded)
        with shows as display:
            callbacks = (*workforce.limits.callbacks, *display.callbacks)
            workforce = replace(workforce, limits=replace(workforce.limits, callbacks=callbacks))
            _run(config, place, workforce, display.say, display.show)


@contextmanager
def making_shown(say: Say | None, epoch_callbacks: Sequence[Listener]) -> Iterator[Making]:
    """Within, a terminal or notebook shows how far networks are that are made beside a search.

    Args:
        say: In place of it, a function of lines.
        epoch_callbacks: Are called after each epoch.

    Raises:
        ArgumentError: What is to be told something is no function.
    """
    check_epoch_callbacks(epoch_callbacks)
    check_given("say", say, (Callable, type(None)), "a function of a line")
    shows = making_displayed(get_console()) if say is None else making_said(say)
    with quiet(), listening(*epoch_callbacks), shows as display:
        yield display


def check_epoch_callbacks(epoch_callbacks: Sequence[Listener]) -> None:
    """Refuses what cannot be told how far trainings are.

    Raises:
        ArgumentError: It says which argument, and what is needed.
    """
    of = "a plantnas.TrainingProgress"
    check_given("epoch_callbacks", epoch_callbacks, Sequence, f"a list of functions of {of}")
    for callback in epoch_callbacks:
        check_given("epoch_callbacks", callback, Callable, f"a function of {of}")


@contextmanager
def quiet() -> Iterator[None]:
    """Within, Optuna tells nothing of its own beside what is said."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(verbosity)


def has_test_images(config: StudyConfig) -> bool:
    """Whether a study has images for its final table, which a Python caller may leave out."""
    handed = handed_things([config.data.name]).values()
    return not any(isinstance(data, HandedData) and data.test is None for data in handed)


def _run(config: StudyConfig, place: Place, workforce: Workforce, say: Say, watch: Watch) -> None:
    if workforce.workers == 1:
        run_here(config, place, workforce, say, watch)
        return
    with shipped(handed_names(config), place.directory) as environment:
        run_watched(config, place, replace(workforce, environment=environment), say, watch)


def _shown(name: str) -> str:
    """The last part of a name, which has the fingerprint of an object."""
    return repr(name.rpartition("/")[2]) if name else "none"
