"""What a study can be shown as, by name: plots, tables and their files. Nothing heavy is imported.

The functions behind the names are in plots.py and frames/.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from plantnas.named import Table

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from plantnas.report.opening import Storage

_PLOTS = "pareto lineage widths hypervolume curves cost importance timeline"
_FRAMES = "networks widths evaluations metrics epochs costs baselines trials"
_FORMATS = "csv json parquet"

PLOTS: "Table[Callable[..., go.Figure]]" = Table(
    "plot",
    {name: f"plantnas.report.plots:{name}" for name in _PLOTS.split()},
    "a function of a plantnas.report.study_data.StudyData that returns a plotly figure",
)
"""Every plot by its name."""

FRAMES: "Table[Callable[[Storage, str], pd.DataFrame]]" = Table(
    "table",
    {name: f"plantnas.report.frames.frames:{name}_frame" for name in _FRAMES.split()},
    "a function of (storage, study) that returns a pandas.DataFrame",
)
"""What a table can be of."""

FORMATS: "Table[Callable[[pd.DataFrame], bytes]]" = Table(
    "format",
    {name: f"plantnas.report.frames.files:{name}_file" for name in _FORMATS.split()},
    "a function of a pandas.DataFrame that returns the bytes of a file",
    result=bytes,
)
"""What makes a file of a frame, by the file's ending."""
