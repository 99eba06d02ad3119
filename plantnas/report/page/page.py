"""The report of a study: one page that works offline, with everything that it needs inside.

What it says is in tables.py, its plots are in plots.py, how it looks in templates/.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from plantnas.errors import StudyError
from plantnas.files import write_file
from plantnas.report.comparison.verdict import (
    NOTES,
    TEXT_COLUMNS,
    TextTable,
    comparison_tables,
    sentences,
)
from plantnas.report.headline import caveats, export_command, first_choice, headline
from plantnas.report.page.plots import COSTS, LAYERS, PARETO, TRUST, DrawnPlot, drawn_plots
from plantnas.report.page.tables import (
    configuration_text,
    facts,
    group_names,
    network_rows,
    own_comparison,
    progress_text,
)
from plantnas.report.study_data import StudyData


class Beside(NamedTuple):
    """The study beside its baselines, in words.

    Attributes:
        overall: Sentences over all sizes.
        by_size: Sentences about single sizes.
        tables: The numbers behind them.
        notes: What a reader of the tables must know.
        problem: Why there is nothing of it; else empty.
    """

    overall: Sequence[str]
    by_size: Sequence[str]
    tables: Sequence[TextTable]
    notes: Sequence[str]
    problem: str = ""


def write_report(data: StudyData, path: Path) -> list[str]:
    """Writes the page of a study, as of now; a page that is there is replaced.

    Returns:
        A line for each plot that failed, which the page says in its place too.

    Raises:
        StorageError: The file cannot be written.
    """
    now = datetime.now(UTC)
    plots = drawn_plots(data, now)
    write_file(path, _page(data, now, plots).encode())
    return [f"{each.plot.name}: {each.problem}" for each in plots.values() if each.is_defect]


def report_page(data: StudyData, now: datetime) -> str:
    """The page as HTML.

    Args:
        data: All that is recorded of the study.
        now: When that was read; one without a time zone is local.
    """
    return _page(data, now, drawn_plots(data, now))


def beside_baselines(data: StudyData) -> Beside | None:
    """How planting compares with the study's baselines; None if it has none."""
    try:
        compared = own_comparison(data)
    except StudyError as error:
        return Beside((), (), (), (), str(error))
    if compared is None:
        return None
    said = [each[0].upper() + each[1:] + "." for each in sentences(compared)]
    verdict, cost, small = comparison_tables(compared)
    is_overall = [difference.step is None for difference in compared.differences]
    return Beside(
        overall=[text for text, whole in zip(said, is_overall, strict=True) if whole],
        by_size=[text for text, whole in zip(said, is_overall, strict=True) if not whole],
        tables=[table for table in (verdict, small, cost) if table.rows],
        notes=NOTES,
    )


def _page(data: StudyData, now: datetime, plots: dict[str, DrawnPlot]) -> str:
    by_section = {"costs": COSTS, "layers": LAYERS, "trust": TRUST}
    chosen = first_choice(data.networks)
    return (
        _templates()
        .get_template("page.html")
        .render(
            study=data.name,
            headline=headline(data.networks),
            chosen=chosen.id if chosen else None,
            progress=progress_text(data, now),
            rows=network_rows(data),
            groups=group_names(data.networks),
            export_command=partial(export_command, data.name),
            pareto=plots[PARETO.name],
            sections={
                name: [plots[plot.name] for plot in section] for name, section in by_section.items()
            },
            beside=beside_baselines(data),
            text_columns=TEXT_COLUMNS,
            caveats=caveats(1, data.networks),
            facts=facts(data, now),
            configuration=configuration_text(data.study.configuration),
            plotly=Markup(get_plotlyjs()),
        )
    )


@cache
def _templates() -> Environment:
    """Autoescape is on: all that a study says is text, and never markup."""
    templates = Environment(
        loader=PackageLoader("plantnas.report.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {
        "percent": _percent,
        "points": _points,
        "script": _script,
        "unbroken": _unbroken,
    }
    return templates


def _percent(share: float | None, digits: int = 2) -> str:
    return "" if share is None else f"{100 * share:.{digits}f}"


def _points(difference: float | None) -> str:
    return "" if difference is None else f"{100 * difference:+.2f}"


def _unbroken(text: str) -> str:
    """No line ends between a number and its per cent sign."""
    return text.replace(" %", "\N{NO-BREAK SPACE}%")


def _script(json: str) -> Markup:
    """JSON as the content of a script element: it has nothing that ends it or is a comment."""
    return Markup(json.replace("</", r"<\/").replace("<!", r"\u003c!"))
