"""The plots of a study by name, as plotly figures. How each is made is in plotting/.

Each is made in two steps there: info (data), figure (drawing). All take the study's place alike:
``storage`` is the URL of its database, our object for it or Optuna's storage, ``study`` its name.
They show a running study as far as it has come, and raise StudyError for an unknown one and
StorageError for a database that cannot be read.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from importlib.util import find_spec
from inspect import signature
from pathlib import Path
from types import MappingProxyType
from typing import get_args

import plotly.graph_objects as go

from plantnas.channels.costs import COSTS
from plantnas.errors import ConfigurationError, StorageError, first_line, missing, shown
from plantnas.files import write_file
from plantnas.given import check_given, check_integer
from plantnas.report.names import PLOTS
from plantnas.report.opening import Storage, opened
from plantnas.report.plotting.cost import cost_figure, cost_info
from plantnas.report.plotting.curves import curves_figure, curves_info
from plantnas.report.plotting.hypervolume import hypervolume_figure, hypervolume_info
from plantnas.report.plotting.importance import importance_figure, importance_info
from plantnas.report.plotting.lineage import lineage_figure, lineage_info
from plantnas.report.plotting.pareto import PlotSplit, pareto_figure, pareto_info
from plantnas.report.plotting.timeline import timeline_figure, timeline_info
from plantnas.report.plotting.widths import widths_figure, widths_info
from plantnas.report.study_data import StudyData, study_data


def pareto(
    storage: Storage,
    name: str,
    split: PlotSplit = "validation",
    cost: str | None = None,
    latency: Mapping[str, object] = MappingProxyType({}),
) -> go.Figure:
    """Accuracy against a cost: front, lineage, every trial, baselines.

    Args:
        storage: See above.
        name: Its name.
        split: Whose accuracy: `validation` or `test`.
        cost: By its name, such as `macs` or `bytes`; None: what the study trades accuracy for.
            `latency` is measured here and now where it is not recorded, as `search.latency` says.
        latency: How it is measured instead: `device`, `batch_size` and `backend`, or some of them.
    """
    check_given("latency", latency, Mapping, "a mapping with device, batch_size or backend")
    _check_choice("split", split)
    _check_choice("cost", cost)
    asked = {str(key): value for key, value in latency.items()}
    return pareto_figure(pareto_info(_recorded(storage, name), split, cost, asked))


def lineage(storage: Storage, name: str) -> go.Figure:
    """The tree of parents and children, with size and accuracy of each network."""
    return lineage_figure(lineage_info(_recorded(storage, name)))


def widths(storage: Storage, name: str, network_id: int | None = None) -> go.Figure:
    """What each step planted in each channel group, beside the teacher's widths.

    Args:
        storage: See above.
        name: Its name.
        network_id: Whose lineage; None stands for the most accurate planted network's.

    Raises:
        StudyError: There is no such planted network.
    """
    _check_network(network_id)
    return widths_figure(widths_info(_recorded(storage, name), network_id))


def hypervolume(storage: Storage, name: str) -> go.Figure:
    """Hypervolume against finished trials and against seconds, with the baselines as lines."""
    return hypervolume_figure(hypervolume_info(_recorded(storage, name)))


def curves(storage: Storage, name: str, network_id: int | None = None) -> go.Figure:
    """Loss and accuracy by epoch of a lineage, from the seed on.

    Args:
        storage: See above.
        name: Its name.
        network_id: Whose lineage; None stands for the most accurate planted network's.

    Raises:
        StudyError: There is no such network.
    """
    _check_network(network_id)
    return curves_figure(curves_info(_recorded(storage, name), network_id))


def cost(storage: Storage, name: str) -> go.Figure:
    """Seconds by step and phase, with teacher, seed, trials in vain, and baselines."""
    return cost_figure(cost_info(_recorded(storage, name)))


def importance(storage: Storage, name: str) -> go.Figure:
    """Which groups' planting raised accuracy, by step."""
    return importance_figure(importance_info(_recorded(storage, name)))


def timeline(storage: Storage, name: str) -> go.Figure:
    """What each worker did when."""
    return timeline_figure(timeline_info(_recorded(storage, name), datetime.now()))


_CHOICES = {"split": get_args(PlotSplit), "cost": tuple(COSTS)}
_PICTURES = (".png", ".svg", ".pdf")
_SUFFIXES = (".html", ".json", *_PICTURES)


def checked_plot(name: str, options: Mapping[str, object]) -> Callable[..., go.Figure]:
    """The plot of that name, which takes these options.

    Raises:
        ConfigurationError: There is none, or it does not.
    """
    plot = PLOTS.find(name) if name in PLOTS else _of_the_users(name)
    allowed = list(signature(plot).parameters)[2:]
    for option, value in options.items():
        if option not in allowed:
            has = f"It has {', '.join(allowed)}." if allowed else "It has no options."
            raise ConfigurationError(f"plot {name!r}: has no {option}. {has}")
        _check_choice(option, value)
    return plot


def _check_choice(option: str, value: object) -> None:
    if option == "cost" and (value is None or ":" in str(value)):
        return  # the study's, or one of the user's, which a study may have recorded
    if option in _CHOICES and value not in _CHOICES[option]:
        allowed = ", ".join(_CHOICES[option])
        raise ConfigurationError(f"{option} {shown(value)}: is not allowed. Allowed: {allowed}.")


def _of_the_users(asked: str) -> Callable[[Storage, str], go.Figure]:
    """A plot that takes all that is recorded of a study, as one that takes the study's place."""
    draw = PLOTS.find(asked)

    def plot(storage: Storage, name: str) -> go.Figure:
        figure: object = draw(_recorded(storage, name))
        if not isinstance(figure, go.Figure):
            raise ConfigurationError(f"{PLOTS.key}: {asked!r} is not {PLOTS.contract}.")
        return figure

    return plot


def check_figure_file(path: Path) -> None:
    """Refuse a file that no figure can be written to, before one is made.

    Raises:
        ConfigurationError: Its ending is unknown, or is that of a picture without kaleido.
    """
    if path.suffix not in _SUFFIXES:
        raise ConfigurationError(f"{path}: ends in none of {', '.join(_SUFFIXES)}.")
    if path.suffix in _PICTURES and find_spec("kaleido") is None:
        raise ConfigurationError(f"{path}: {missing('kaleido', 'images')}")


def write_figure(figure: go.Figure, path: Path, width: int = 1100) -> None:
    """Writes a figure: a page that works offline, plotly's JSON, or a picture, by the ending.

    Args:
        figure: What to write.
        path: The file; one that exists is replaced.
        width: Of a picture, in pixels.

    Raises:
        ConfigurationError: Its ending is unknown, or is that of a picture without kaleido.
        StorageError: It cannot be written, or no browser is there to draw a picture.
    """
    check_figure_file(path)
    if path.suffix == ".html":
        content = figure.to_html(include_plotlyjs=True, full_html=True).encode()
    elif path.suffix == ".json":
        content = figure.to_json().encode()
    else:
        try:
            content = bytes(figure.to_image(format=path.suffix[1:], width=width))
        except (RuntimeError, ValueError, OSError) as error:
            why = first_line(error)
            raise StorageError(f"{path}: the picture cannot be drawn: {why}") from error
    write_file(path, content)


def _check_network(network_id: int | None) -> None:
    if network_id is not None:
        check_integer("network_id", network_id, most=2**63 - 1)


def _recorded(storage: Storage, name: str) -> StudyData:
    with opened(storage, name) as records:
        return study_data(records)
