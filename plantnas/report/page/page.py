"""The report of a study: one page that works offline, with everything that it needs inside.

What it says is in tables.py, its plots are in plots.py, how pages look in rendering.py.
"""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from plantnas.errors import StudyError
from plantnas.files import write_file
from plantnas.report.comparison.verdict import TEXT_COLUMNS, Verdict, verdict
from plantnas.report.front import metric_of
from plantnas.report.headline import caveats, export_command, first_choice, headline
from plantnas.report.page.plots import COSTS, LAYERS, PARETO, TRUST, drawn_plots
from plantnas.report.page.rendering import DrawnPlot, rendered
from plantnas.report.page.tables import (
    configuration_text,
    facts,
    group_names,
    network_rows,
    own_comparison,
    progress_text,
)
from plantnas.report.study_data import StudyData
from plantnas.report.terminal import cost_columns


def write_report(recorded: StudyData, path: Path) -> list[str]:
    """Writes the page of a study, as of now; a page that is there is replaced.

    Returns:
        A line for each plot that failed, which the page says in its place too.

    Raises:
        StorageError: The file cannot be written.
    """
    now = datetime.now(UTC)
    plots = drawn_plots(recorded, now)
    write_file(path, report_page(recorded, now, plots).encode())
    return [f"{each.name}: {each.problem}" for each in plots.values() if each.is_defect]


def report_page(recorded: StudyData, now: datetime, plots: dict[str, DrawnPlot]) -> str:
    """The page as HTML.

    Args:
        recorded: All that is recorded of the study.
        now: When that was read; one without a time zone is local.
        plots: What `drawn_plots` has drawn of it.
    """
    by_section = {"costs": COSTS, "layers": LAYERS, "trust": TRUST}
    chosen = first_choice(recorded.networks)
    return rendered(
        "page.html",
        study=recorded.name,
        headline=headline(recorded.networks),
        chosen=chosen.id if chosen else None,
        progress=progress_text(recorded, now),
        rows=network_rows(recorded),
        metric=metric_of(recorded.networks),
        cost_columns=cost_columns(recorded.networks),
        groups=group_names(recorded.networks),
        export_command=partial(export_command, recorded.name),
        pareto=plots[PARETO.name],
        sections={
            name: [plots[plot.name] for plot in section] for name, section in by_section.items()
        },
        beside=beside_baselines(recorded),
        text_columns=TEXT_COLUMNS,
        caveats=caveats(1, recorded.networks),
        facts=facts(recorded, now),
        configuration=configuration_text(recorded.study.configuration),
    )


def beside_baselines(recorded: StudyData) -> Verdict | None:
    """How planting compares with the study's baselines; None if it has none."""
    try:
        compared = own_comparison(recorded)
    except StudyError as error:
        return Verdict(problem=str(error))
    return verdict(compared) if compared else None
