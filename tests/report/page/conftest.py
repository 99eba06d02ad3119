"""The page of a study as its tests make it: at a moment of their own, and for a name that bites."""

from datetime import UTC, datetime

from plantnas.report.page.page import report_page
from plantnas.report.page.plots import drawn_plots
from plantnas.report.study_data import StudyData

NOW = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)

EVIL = """<b>&"'</script><img src=x>"""
"""A name that would be markup, and end a script, if it was not escaped."""


def page_of(recorded: StudyData) -> str:
    """The page, with all its plots."""
    return report_page(recorded, NOW, drawn_plots(recorded, NOW))
