"""One call from Python: a model and data sets in, a family of small networks out.

What the arguments become is in asked.py, what comes back in result.py, who runs it in running.py.
"""

from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import Any

from rich import get_console
from torch import nn

from plantnas.baselines.finishing import evaluate_finished
from plantnas.calling.asked import (
    asked_of_data,
    fitting,
    name_of,
    network_arguments,
    proposing,
    tree_of,
    with_arguments,
)
from plantnas.calling.result import SearchResult
from plantnas.calling.running import check_epoch_callbacks, check_same, run_search
from plantnas.config import StudyConfig, TeacherRecipe
from plantnas.errors import Say
from plantnas.given import check_given, check_integer, check_path, check_place
from plantnas.handed import hand_over
from plantnas.listening import Listener, listening
from plantnas.named_keys import code_names
from plantnas.networks.handed_models import DIGITS, architecture_of, title_of
from plantnas.place import STUDIES, Place, images_folder, sqlite_url
from plantnas.searching.devices import chosen_devices
from plantnas.searching.progress import plainly
from plantnas.tasks import Data
from plantnas.training.decoding import Storing
from plantnas.training.handed_data import handed_data
from plantnas.training.stored_items import Reading
from plantnas.trials.storage import check_url, folder_of
from plantnas.trust import trust
from plantnas.workers.limits import Callback, Limits, deadline_in
from plantnas.workers.run import Workforce


def search(
    model: nn.Module | Callable[..., nn.Module] | str,
    train: Any,
    validation: Any,
    test: Any = None,
    *,
    name: str | None = None,
    teacher: nn.Module | Mapping[str, Any] | TeacherRecipe | None = None,
    loss: Callable[..., Any] | str | None = None,
    metric: Callable[..., float] | str | None = None,
    cost: Callable[..., float] | str | None = None,
    maximum_cost: float | None = None,
    steps: int | None = None,
    trials_per_step: int | None = None,
    config: Mapping[str, Any] | StudyConfig | None = None,
    storage: str | None = None,
    directory: Path | str | None = None,
    workers: int = 1,
    devices: str | Sequence[str] = "auto",
    timeout: float | None = None,
    callbacks: Sequence[Callback] = (),
    epoch_callbacks: Sequence[Listener] = (),
    say: Say | None = None,
) -> SearchResult:
    """Searches small networks of a model's architecture that imitate it, or goes on with that.

    With one worker all runs in this process and nothing is pickled. More workers are processes of
    their own, which get copies of the objects; a script needs no `if __name__ == "__main__":`.

    Args:
        model: The architecture at the teacher's widths: a module, whose weights the teacher starts
            from; a function or class that makes one, of (num_classes, in_channels) or of nothing;
            or the name of one, such as `torchvision/resnet18`.
        train: Images to train on: a torch Dataset of (image, target), which is read once, into a
            file if it has more than `data.memory_gigabytes`; or a pair of tensors. PIL images and
            uint8 tensors are normalised for the networks, floats of any shape are taken as they
            are. Targets are numbers of classes, vectors of 0 and 1, or floats.
        validation: The same, of the images that networks are chosen by.
        test: The same, for the accuracies of the final table alone.
        name: The study's; by default the model's.
        teacher: A trained module with the same outputs, which is kept as it is: channels come from
            it if it is what the model makes, else they start fresh. Or settings of the training of
            the model itself, such as `{"epochs": 20}`; 0 keeps its weights.
        loss: What distillation minimises: a name, or a function of (logits, labels, teacher_logits)
            that returns a scalar.
        metric: What the study maximises: a name such as `f1`, or a function of (outputs, targets)
            that returns a number.
        cost: What accuracy is traded for: a name such as `macs`, or a function of (structure,
            widths) that returns a number.
        maximum_cost: No network costs more than this.
        steps: Times that winners are grown and become parents.
        trials_per_step: Screening trials of a step.
        config: All other settings of a study, as its YAML file has them, or a StudyConfig.
        storage: URL of the database; by default an SQLite file in the directory.
        directory: Folder of the study's files; by default beside the SQLite file, or
            `plantnas-studies/NAME`.
        workers: Processes that run trials.
        devices: Where networks are trained: `auto` is all accelerators of this machine, or else its
            processor; a name; or several, which workers have in turn.
        timeout: Seconds after which no further trial begins; the same call goes on later.
        callbacks: Functions of (study, trial), as Optuna's: each is called in this process when a
            trial has ended, and may end the search by `study.stop()`.
        epoch_callbacks: Functions of a `TrainingProgress`: each is called in this process after
            each epoch of each training, also of those in workers.
        say: Is told in lines what is done; by default a terminal or notebook shows it.

    Returns:
        What has been found, also of a study that is not complete. After Ctrl-C or its timeout, the
        same call goes on.

    Raises:
        PlantnasError: What is wrong with an argument, or could not be done, in one line.
    """
    check_running(name, workers, timeout, callbacks, epoch_callbacks, say)
    where, tree = chosen_devices(devices), tree_of(config)
    called = str(name or tree.get("name") or title_of(model).lower())
    place = place_of(called, storage, directory)
    asked = asked_of_data(tree, called, architecture_of(model))
    data = handed_data(train, validation, test, _reading(asked, place, say))
    data = fitting("teacher", teacher, fitting("model", model, data))
    arguments = {
        "name": called,
        **network_arguments(model, teacher, tree, data),
        "data.name": hand_over(f"data-{data.fingerprint()[:DIGITS]}", data),
        "search.steps": steps,
        "search.trials_per_step": trials_per_step,
        "search.maximum_cost": maximum_cost,
        "search.metric": name_of("metric", metric),
        "search.cost": name_of("cost", cost),
        "distillation.loss": name_of("loss", loss),
    }
    check_same(place, config := proposing(with_arguments(tree, arguments), data))
    trust(code_names(config))
    workforce = Workforce(workers, where, Limits(deadline_in(timeout), tuple(callbacks)))
    with listening(*epoch_callbacks):
        run_search(config, place, workforce, say)
    if test is not None:
        evaluate_finished(place)
    return SearchResult(place.url, place.name, directory=place.directory)


def check_running(
    name: str | None,
    workers: int,
    timeout: float | None,
    callbacks: Sequence[Callback],
    epoch_callbacks: Sequence[Listener],
    say: Say | None,
) -> None:
    """Refuses what cannot be how a search runs.

    Raises:
        ArgumentError: It says which argument, and what is needed.
    """
    check_given("name", name, (str, type(None)), "a study's name")
    check_integer("workers", workers)
    check_given("timeout", timeout, (Real, type(None)), "a number of seconds")
    check_given("callbacks", callbacks, Sequence, "a list of functions of (study, trial)")
    for callback in callbacks:
        check_given("callbacks", callback, Callable, "a function of (study, trial)")
    check_epoch_callbacks(epoch_callbacks)
    check_given("say", say, (Callable, type(None)), "a function of a line")


def place_of(name: str, storage: str | None, directory: Path | str | None) -> Place:
    """Where a search is or will be."""
    if storage is not None:
        check_place(storage, name)
    if directory is not None:
        check_path("directory", directory)
    if storage is None:
        folder = Path(directory or STUDIES / name)
        return Place(name, sqlite_url(folder), folder)
    check_url(storage)
    return Place(name, storage, Path(directory or folder_of(storage, name)))


def _reading(data: Data, place: Place, say: Say | None) -> Reading:
    """How Datasets are read: into the study's folder if memory should not hold them."""
    storing = Storing(images_folder(place.directory), say or plainly(get_console()))
    return Reading(storing, data.memory_gigabytes * 2**30, data.views)
