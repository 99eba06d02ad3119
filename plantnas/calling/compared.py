"""Searches beside what one would do otherwise: differences, tables, the plot and the page.

The arithmetic is in report/comparison/, what makes the other networks in baselines/.
"""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from plantnas.records.study import StudyRecords
from plantnas.report.comparison.comparison import Comparison, comparison, frame
from plantnas.report.comparison.page import (
    ComparedCost,
    comparison_pareto_figure,
    comparison_pareto_info,
    write_comparison_page,
)
from plantnas.report.comparison.verdict import sentences, verdict_columns, verdict_rows

if TYPE_CHECKING:
    from plotly import graph_objects as go


class ComparedSearches:
    """Searches of one configuration beside their baselines, as `plantnas compare` has them.

    Attributes:
        comparison: All differences, with their intervals, hypervolumes and costs.
    """

    comparison: Comparison

    def __init__(self, searches: Sequence[StudyRecords]) -> None:
        """Compares studies that differ in their seeds alone.

        Raises:
            StudyError: They differ in more, or one has no baselines.
        """
        self.comparison = comparison(searches, np.random.default_rng(0))

    @property
    def networks(self) -> pd.DataFrame:
        """A row for each network that is compared."""
        return frame(self.comparison)

    @property
    def verdict(self) -> pd.DataFrame:
        """A row for each step and method: size, accuracy, and how much better planting is."""
        columns = list(verdict_columns(self.comparison))
        return pd.DataFrame(verdict_rows(self.comparison), columns=columns)

    @property
    def sentences(self) -> list[str]:
        """The differences in words."""
        return sentences(self.comparison)

    def plot(self, horizontal: ComparedCost = "cost") -> "go.Figure":
        """Test accuracy of all methods against a cost: by default, what the study trades it for."""
        return comparison_pareto_figure(comparison_pareto_info(self.comparison, horizontal))

    def page(self, path: str | Path) -> Path:
        """Writes the page with all tables and plots; returns where it is."""
        write_comparison_page(self.comparison, Path(path))
        return Path(path)

    def __repr__(self) -> str:
        return "\n".join(self.sentences) or "ComparedSearches: nothing to compare yet"

    def _repr_html_(self) -> str:
        """The differences in words, the verdict's table and the plot, for notebooks."""
        said = "".join(f"<li>{escape(sentence)}</li>" for sentence in self.sentences)
        table = self.verdict.to_html(index=False, na_rep="")
        plot = self.plot().to_html(full_html=False, include_plotlyjs="cdn")
        return f"<ul>{said}</ul>{table}{plot}"
