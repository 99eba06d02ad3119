"""What a search has found: its front, its networks as modules, its plots and pages.

All is read from the database when it is asked for, so the search may still run. What finishes its
networks, or makes others to compare them to, is in baselines/.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import optuna
import pandas as pd
from torch import Tensor, nn

from plantnas.baselines import RATES
from plantnas.baselines.finishing import (
    Plan,
    evaluate_finished,
    finish_networks,
    plan_for,
    summary,
)
from plantnas.baselines.launch import in_this_process, make_baselines
from plantnas.baselines.planning import request_for
from plantnas.calling.compared import ComparedSearches
from plantnas.calling.running import has_test_images, making_shown
from plantnas.errors import Say
from plantnas.given import check_given, check_integer, check_path, check_place, check_text
from plantnas.listening import Listener
from plantnas.networks.handed_models import stand_in
from plantnas.place import Place
from plantnas.records.database import Database
from plantnas.records.engine import anchored_url, shown_url
from plantnas.records.record import NetworkRecord
from plantnas.records.study import StudyRecords, load_network
from plantnas.report.export.choice import Wanted, best_within
from plantnas.report.export.saving import Files, save
from plantnas.report.finish import finish_baselines
from plantnas.report.frames.frames import networks_frame
from plantnas.report.front import metric_of, pareto_front, teacher_of
from plantnas.report.headline import headline
from plantnas.report.images import normalised
from plantnas.report.page.page import write_report
from plantnas.report.plots import checked_plot
from plantnas.report.study_data import study_data
from plantnas.searching.devices import chosen_devices
from plantnas.searching.display import Making
from plantnas.trials.storage import folder_of
from plantnas.trials.study import study_to_read

if TYPE_CHECKING:
    from plotly import graph_objects as go

COLUMNS = ["method", "step", "parameters", "macs", "validation_accuracy", "test_accuracy"]
"""What the front shows of `networks`."""


class Found(NamedTuple):
    """A network of a search, and what is recorded of it."""

    network: nn.Module
    """In eval mode, on the CPU; it takes what `SearchResult.inputs` gives."""
    record: NetworkRecord
    """Its size, widths, evaluations and epochs."""


class SearchResult:
    """What a search has found so far, in its database.

    Attributes:
        storage: URL of the database.
        name: Of the study.
        directory: Folder of the study's files.
    """

    def __init__(
        self,
        storage: str,
        name: str,
        model: object = None,
        directory: Path | str | None = None,
    ) -> None:
        """The result of a search of any process.

        Args:
            storage: URL of its database.
            name: The study's.
            model: What the search was given, with any weights; needed to load networks in another
                process than the search's, where it was an object.
            directory: Folder of its files; by default as for the search.

        Raises:
            StudyError: There is no such study.
            StorageError: The database cannot be opened.
        """
        check_place(storage, name)
        if directory is not None:
            check_path("directory", directory)
        self.storage, self.name = anchored_url(storage), name
        self.directory = Path(directory or folder_of(storage, name)).absolute()
        recorded = self._records.record.configuration
        if model is not None:
            stand_in(recorded["search_space"]["architecture"], model)

    @property
    def front(self) -> pd.DataFrame:
        """The networks that no smaller one beats on validation, smallest first, by their ids."""
        networks = self._records.networks()
        front, teacher = pareto_front(networks), teacher_of(networks)
        rows = self.networks.set_index("id")[COLUMNS].reindex([each.id for each in front])
        rows.insert(2, "widths", [" ".join(map(str, each.widths.values())) for each in front])
        most = float("nan") if teacher is None else teacher.parameters
        rows.insert(4, "share", rows["parameters"] / most)
        return rows

    @property
    def networks(self) -> pd.DataFrame:
        """All networks, as `plantnas.networks_frame` has them."""
        return networks_frame(self.storage, self.name)

    @property
    def optuna(self) -> optuna.Study:
        """Optuna's study, to read."""
        return study_to_read(self.name, self.storage)

    def best(
        self,
        maximum_parameters: int | None = None,
        maximum_macs: int | None = None,
        maximum_cost: float | None = None,
    ) -> Found:
        """The best network on validation within limits, the teacher apart.

        Args:
            maximum_parameters: Most parameters.
            maximum_macs: Most multiply-accumulates for an image.
            maximum_cost: Most of what the study trades its accuracy for.

        Raises:
            StudyError: None is within the limits.
        """
        networks = self._records.networks()
        limits = _limits(maximum_parameters, maximum_macs, maximum_cost)
        record = best_within(self.name, networks, limits)
        assert record.id is not None
        return Found(self.load(record.id), record)

    def load(self, network_id: int) -> nn.Module:
        """A network with its trained weights, in eval mode, on the CPU.

        Raises:
            StudyError: There is no such network.
            ConfigurationError: The search was given its model in another process.
        """
        return load_network(self.storage, self.name, network_id)

    def inputs(self, images: Tensor) -> Tensor:
        """Images as the networks take them, normalised: of what was handed to the search.

        Args:
            images: As that gives them: uint8, images x channels x height x width, or floats.

        Raises:
            DataError: They are not of the size or the kind of the study's.
        """
        return normalised(self._records, images)

    def plot(self, kind: str = "pareto", **options: Any) -> "go.Figure":
        """A plot, such as `pareto`, `lineage` or `widths`; its options are those of the plot.

        Raises:
            ConfigurationError: There is no such plot, or it does not take an option.
        """
        return checked_plot(kind, options)(self.storage, self.name, **options)

    def report(self, page: Path | str | None = None) -> Path:
        """Writes the page that says what to pick, what it cost and why; returns where it is."""
        path = Path(page or self.directory / "report.html")
        write_report(study_data(self._records), path)
        return path

    def family(self, path: str | Path, maximum_parameters: int | None = None) -> Path:
        """Writes the best network with all its ancestors; `plantnas.load_family` reads the file.

        Raises:
            StudyError: No network is within the limit.
            StorageError: The file cannot be written.
        """
        limits = _limits(maximum_parameters)
        return self._saved(Wanted(None, limits), Files(family=Path(path), replace=True))

    def export(
        self,
        path: str | Path,
        network_id: int | None = None,
        maximum_parameters: int | None = None,
        format_name: str | None = None,
    ) -> Path:
        """Writes a network for elsewhere: its state_dict, a torch.export program, or ONNX.

        Args:
            path: The file.
            network_id: Which one; by default the best one.
            maximum_parameters: Of the best one.
            format_name: `state-dict`, `pt2` or `onnx`; by default by the file's ending.

        Raises:
            StudyError: There is no such network.
            StorageError: The file cannot be written.
        """
        files = Files(output=Path(path), format_name=format_name, replace=True)
        return self._saved(Wanted(network_id, _limits(maximum_parameters)), files)

    def finish(
        self,
        network_id: int | None = None,
        maximum_parameters: int | None = None,
        epochs: int | None = None,
        learning_rate: float | None = None,
        devices: str = "auto",
        say: Say | None = None,
        epoch_callbacks: Sequence[Listener] = (),
    ) -> Found:
        """Trains the widths of a network whole, in this process: one more network of the study.

        Args:
            network_id: Of a planted network or the seed.
            maximum_parameters: In place of a number: of the best network within this limit.
            epochs: Of the training; by default those of the network and all its ancestors.
            learning_rate: Peak of the schedule; by default the seed's, for this size.
            devices: Where it is trained, as for `plantnas.search`.
            say: Is told in lines what is done; by default a terminal or notebook shows it.
            epoch_callbacks: Functions of a `TrainingProgress`, called after each epoch.

        Returns:
            The finished network; one that was finished so already is not trained again.

        Raises:
            ConfigurationError: There is both a number and a limit or neither, or the search was
                given its model and images in another process.
            StudyError: There is no such network.
            TrainingDiverged: A loss was not finite.
        """
        wanted = Wanted(network_id, _limits(maximum_parameters))
        plan = plan_for(self._records, wanted, epochs, learning_rate)
        (record,) = self._finished(plan, devices, making_shown(say, epoch_callbacks))
        return record

    def finish_family(
        self,
        network_id: int | None = None,
        maximum_parameters: int | None = None,
        epochs: int | None = None,
        learning_rate: float | None = None,
        devices: str = "auto",
        say: Say | None = None,
        epoch_callbacks: Sequence[Listener] = (),
    ) -> list[Found]:
        """Trains the widths of a lineage together, each network a crop of the next, seed first.

        Arguments and errors are those of `finish`; without a number or limit it is the lineage of
        the best network.
        """
        wanted = Wanted(network_id, _limits(maximum_parameters))
        plan = plan_for(self._records, wanted, epochs, learning_rate, together=True)
        return self._finished(plan, devices, making_shown(say, epoch_callbacks))

    def baselines(
        self,
        methods: Sequence[str] | None = None,
        targets: str = "front",
        repetitions: int = 1,
        learning_rates: Sequence[float] = RATES,
        devices: str = "auto",
        say: Say | None = None,
        epoch_callbacks: Sequence[Listener] = (),
    ) -> ComparedSearches:
        """Makes, in this process, what one would make otherwise of these sizes, and compares.

        Each network is recorded when it is trained: the same call goes on where it was stopped.

        Args:
            methods: Names, such as `l1-kd` and `scratch`; by default most of the shipped ones.
            targets: Sizes: of the planted networks on the `front`, or of the best one's `lineage`.
            repetitions: Networks of each method and size, with other seeds.
            learning_rates: Those that each method is tuned over.
            devices: Where they are trained, as for `plantnas.search`.
            say: Is told in lines what is done; by default a terminal or notebook shows it.
            epoch_callbacks: Functions of a `TrainingProgress`, called after each epoch.

        Raises:
            ConfigurationError: There is no such method, or the search was given its model and
                images in another process.
            StudyError: The search has grown no network yet.
            DataError: The search was given no test images, which comparisons are made on.
        """
        kinds = (list, tuple, type(None))
        check_given("methods", methods, kinds, "a list of names")
        check_given("learning_rates", learning_rates, kinds, "a list of numbers")
        check_integer("repetitions", repetitions)
        for each in methods or ():
            check_text("methods", each, "the name of a method")
        networks = self._records.networks()
        request = request_for(self.name, networks, methods, targets, repetitions, learning_rates)
        finish_baselines(self.storage, self.name)  # or there are no test images
        with making_shown(say, epoch_callbacks) as display:
            crew = in_this_process(chosen_devices(devices)[0])
            make_baselines(self._place, request, crew, display.say, display.tally)
        finish_baselines(self.storage, self.name)
        return self.compare()

    def compare(self, *others: "SearchResult") -> ComparedSearches:
        """The search beside its baselines, and together with others that differ in their seeds.

        Raises:
            StudyError: A search has no baselines, or they differ in more than their seeds.
        """
        places = [(each.storage, each.name) for each in (self, *others)]
        return ComparedSearches([StudyRecords(Database.to_read(*at), at[1]) for at in places])

    def __repr__(self) -> str:
        said = headline(self._records.networks())
        return f"SearchResult({shown_url(self.storage)!r}, {self.name!r}): {said}"

    def __str__(self) -> str:
        """The headline and the front's table, to print."""
        table = self._shown_front.to_string(float_format="{:.2%}".format, na_rep="")
        return f"{self.name}: {headline(self._records.networks())}\n{table}"

    def _repr_html_(self) -> str:
        """The headline, the front's table and the plot, for notebooks."""
        said = escape(headline(self._records.networks()))
        table = self._shown_front.to_html(float_format="{:.2%}".format, na_rep="")
        plot = self.plot().to_html(full_html=False, include_plotlyjs="cdn")
        return f"<p><b>{escape(self.name)}</b>: {said}</p>{table}{plot}"

    def _finished(
        self, plan: Plan, devices: str, shows: AbstractContextManager[Making]
    ) -> list[Found]:
        with shows as display:
            device = chosen_devices(devices)[0]
            finished = finish_networks(self._place, plan, device, display.say)
            for pair in zip(finished, plan.sources, strict=True):
                display.say(summary(*pair))
        if has_test_images(self._records.config):
            evaluate_finished(self._place)
        networks = {record.id: record for record in self._records.networks()}
        return [Found(self.load(each.id), networks[each.id]) for each in finished if each.id]

    def _saved(self, asked: Wanted, files: Files) -> Path:
        list(save(self.storage, self.name, asked, files))
        path = files.family or files.output
        assert path is not None
        return path

    @property
    def _shown_front(self) -> pd.DataFrame:
        front, shown = self.front, metric_of(self._records.networks()).short
        front["step"] = front["step"].astype("string").fillna("")  # the teacher has none
        for column in ("validation_accuracy", "test_accuracy"):
            front[column] = front[column].map(shown, na_action="ignore")
        return front

    @property
    def _place(self) -> Place:
        return Place(self.name, self.storage, self.directory)

    @property
    def _records(self) -> StudyRecords:
        return StudyRecords(Database.to_read(self.storage, self.name), self.name)


def _limits(
    parameters: float | None = None, macs: float | None = None, of_study: float | None = None
) -> dict[str, float]:
    """The limits that are given, by the names of costs."""
    given = {"parameters": parameters, "macs": macs, "cost": of_study}
    return {name: most for name, most in given.items() if most is not None}
