"""The plots of a study by name, as plotly figures. How each is made is in plotting/.

Each is made in two steps there: info (data), figure (drawing).
"""

from pathlib import Path

import plotly.graph_objects as go

from plantnas.errors import StorageError
from plantnas.report.opening import Storage
from plantnas.report.plotting.pareto import Cost, PlotSplit, pareto_figure, pareto_info
from plantnas.report.study_data import study_data


def pareto(
    storage: Storage, study: str, split: PlotSplit = "validation", cost: Cost = "parameters"
) -> go.Figure:
    """Accuracy against cost: the front, the family, every trial, the baselines.

    Args:
        storage: URL of the study's database, our object for it, or Optuna's storage.
        study: Name of the study.
        split: Whose accuracy to show: `validation` or `test`.
        cost: `parameters` or `macs`.

    Raises:
        StudyError: There is no such study.
        StorageError: The database cannot be read.
    """
    return pareto_figure(pareto_info(study_data(storage, study), split, cost))


def write_page(figure: go.Figure, path: Path) -> None:
    """Writes a figure as one interactive page that works offline.

    Raises:
        StorageError: The file cannot be written.
    """
    try:
        figure.write_html(path, include_plotlyjs=True, full_html=True)
    except OSError as error:
        raise StorageError(f"{path}: cannot be written: {error.strerror}.") from error
