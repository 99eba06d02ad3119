"""Finds and removes what crashes left behind in a study and nobody refers to.

What a trial, teacher, seed or baseline needs is referred to by a row of `plantnas_networks`, or is
the teacher's logits. A worker announces an artifact to Optuna, writes its file, and then its row: a
file that is not announced is not this study's, and is left alone.
"""

import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

import optuna
from optuna.artifacts import get_all_artifact_meta
from optuna.artifacts.exceptions import ArtifactNotFound
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState

from plantnas.place import images_folder, is_url
from plantnas.records.abandoned import abandoned_networks, needed_artifacts, remove_abandoned
from plantnas.records.artifacts import ArtifactPlace, cannot_write
from plantnas.records.database import Database
from plantnas.records.optuna_private import (
    backend_of,
    storage_of,
    study_id_of,
    trial_id_of,
)
from plantnas.records.patience import LIMIT_SECONDS
from plantnas.records.study import StudyRecords
from plantnas.records.weights import WEIGHTS_FILE
from plantnas.trials.lost import ENDED, SILENT, fail, reason_of, silent_for, trials_of_dead_workers
from plantnas.trials.owners import began

SILENT_SECONDS = LIMIT_SECONDS + 60
"""A worker that waits for its database gives up before; until then it says nothing."""

FORGOTTEN_SECONDS = 3600.0
"""Whoever writes a file, or the row after it, has done so by then, on whatever machine."""

UNTOUCHED_SECONDS = 600.0
"""A file of a process that this machine does not have may be another machine's, which writes it."""


class Leftover(NamedTuple):
    """Something that nobody refers to.

    Attributes:
        kind: "trial", "network", "weights" or "file".
        name: Its number, id or path.
        why: It is left over.
        bytes: Its size, where it has one.
        remove: Removes it; returns whether it did, for somebody else may have been first.
    """

    kind: str
    name: str
    why: str
    bytes: int | None
    remove: Callable[[], bool]


def clean(
    study: optuna.Study, records: StudyRecords, directory: Path, dry_run: bool = False
) -> Iterator[Leftover]:
    """Removes what crashes left behind, and yields it. Workers of the study may run meanwhile.

    Args:
        study: Optuna's.
        records: What our tables have of it.
        directory: Folder of the study's files on this machine.
        dry_run: Nothing is removed.

    Raises:
        StudyError: The study is not recorded.
        StorageError: The database or the artifacts cannot be used.
    """

    def removed(leftovers: Iterable[Leftover]) -> Iterator[Leftover]:
        return (each for each in leftovers if dry_run or each.remove())

    dead = list(removed(_trials(study)))
    yield from dead
    # Trials before rows: a worker writes its rows before it ends its trial.
    failed = {leftover.name for leftover in dead}
    trials = study.get_trials(deepcopy=False)
    ended = [each for each in trials if each.state.is_finished() or str(each.number) in failed]
    yield from removed(_networks(records))
    yield from removed(_weights(study, records, ended))
    place, own = records.artifacts_place, Path(os.path.realpath(directory))
    folders = {own, images_folder(own)}
    if not is_url(place):
        folders.add(Path(place))
    yield from removed(_files(sorted(folder for folder in folders if folder.is_dir())))


def summary(found: list[Leftover], dry_run: bool) -> str:
    """What was removed, in numbers."""
    if not found:
        return "Nothing to clean."
    kinds = dict.fromkeys(leftover.kind for leftover in found)
    counts = [f"{kind}: {sum(each.kind == kind for each in found)}" for kind in kinds]
    size = sum(leftover.bytes or 0 for leftover in found)
    verb = "Would be removed" if dry_run else "Removed"
    return f"{verb}: {', '.join(counts)}, {shown_size(size)}."


def shown_size(size: int) -> str:
    """Bytes, as people read them."""
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.1f} kB"


def _trials(study: optuna.Study) -> Iterator[Leftover]:
    """Running ones whose worker died: here, or elsewhere, as nothing was heard of it for long."""
    backend = backend_of(storage_of(study))
    dead = {trial.number: (trial, ENDED) for trial in trials_of_dead_workers(study)}
    if isinstance(backend, RDBStorage):
        silent = silent_for(backend, study_id_of(study), SILENT_SECONDS)
        running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        dead = {
            each.number: (each, SILENT) for each in running if trial_id_of(each) in silent
        } | dead
    for number, (trial, what) in sorted(dead.items()):
        why = reason_of(trial, what)
        yield Leftover("trial", str(number), why, None, partial(fail, study, trial, what))


def _networks(records: StudyRecords) -> Iterator[Leftover]:
    """Rows of trials that failed after them; their weights come next."""
    database = records.database
    with database.engine.begin() as connection:
        abandoned = abandoned_networks(connection, records.name)
    for network in abandoned:
        why = f"trial {network.trial_number} failed after it had written it"
        yield Leftover(
            "network", str(network.id), why, None, partial(_forget, database, network.id)
        )


def _forget(database: Database, network_id: int) -> bool:
    with database.engine.begin() as connection:
        return remove_abandoned(connection, network_id)


def _weights(
    study: optuna.Study, records: StudyRecords, ended: list[FrozenTrial]
) -> Iterator[Leftover]:
    """Weights of trials that have ended, or of the study for an hour, which no network has."""
    announced = {name: f"of trial {each.number}" for each in ended for name in _links(study, each)}
    announced |= dict.fromkeys(_links(study, study), "of the study")
    with records.database.engine.begin() as connection:
        needed = needed_artifacts(connection)
    store = records.store
    for name in sorted(announced.keys() - needed):
        found, whose = store.find(name), announced[name]
        if found is None or (whose == "of the study" and found.seconds <= FORGOTTEN_SECONDS):
            continue
        why = f"{whose}, but no network has them"
        yield Leftover("weights", name, why, found.bytes, partial(_discard, store, name))


def _links(study: optuna.Study, owner: optuna.Study | FrozenTrial) -> list[str]:
    """Weights that Optuna links; what people have attached to a trial has other names."""
    linked = get_all_artifact_meta(owner, storage=storage_of(study))
    return [meta.artifact_id for meta in linked if meta.filename == WEIGHTS_FILE]


def _discard(store: ArtifactPlace, name: str) -> bool:
    with suppress(ArtifactNotFound):
        store.remove(name)
        return True
    return False


def _files(folders: list[Path]) -> Iterator[Leftover]:
    """What was being written when its process died, before it had its final name."""
    for folder in folders:
        for path in sorted(folder.glob("*.partial")):
            if why := _why_partial(path):
                yield _leftover_file(path, why)
        for path in sorted(folder.glob("logits-*")):  # of searching/shared_files.py
            if path.is_dir() and _untouched(path) > FORGOTTEN_SECONDS:
                yield _leftover_file(path, "untouched for an hour")


def _why_partial(path: Path) -> str:
    """Why nobody writes a partial file any more; empty if somebody may."""
    untouched, process = _untouched(path), path.suffixes[-2:][0].lstrip(".")
    if untouched > FORGOTTEN_SECONDS:
        return "untouched for an hour"
    if untouched > UNTOUCHED_SECONDS and process.isdecimal() and not began(int(process)):
        return f"its process {process} has ended"
    return ""


def _leftover_file(path: Path, why: str) -> Leftover:
    size = sum(each.stat().st_size for each in (path, *path.rglob("*")) if each.is_file())

    def remove() -> bool:
        if not path.exists():
            return False
        try:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        except OSError as error:
            raise cannot_write(path.parent, error) from error
        return True

    return Leftover("file", str(path), why, size, remove)


def _untouched(path: Path) -> float:
    """Seconds since it, or what is in it, was written to; 0 if it is gone."""
    with suppress(FileNotFoundError):
        return time.time() - max(each.stat().st_mtime for each in (path, *path.rglob("*")))
    return 0.0
