"""What a comparison says: sentences, and tables for a terminal or a page. Nothing here prints.

The numbers are made in comparison.py; accuracies are shown in per cent, and their differences in
points of per cent. What else studies maximise is shown as it is, as are its differences.
"""

from collections.abc import Iterable, Sequence
from math import inf, isnan
from re import sub
from statistics import fmean
from typing import NamedTuple

from rich.table import Table

from plantnas.channels.costs import shown_cost, title_of
from plantnas.grouping import grouped
from plantnas.measured import ACCURACY, Metric
from plantnas.report.comparison.comparison import Comparison, MethodDifference
from plantnas.report.comparison.small_networks import PAPERS_SHARE, small_networks
from plantnas.report.comparison.statistics import Difference, Spread, spread
from plantnas.report.entries import Entry
from plantnas.report.front import PLANTING

VERDICT_COLUMNS = (
    "step",
    "method",
    "parameters",
    "MACs",
    "test %",
    "planting is better by",
    "seconds",
    "with teacher",
    "learning rate",
)
COST_AT = VERDICT_COLUMNS.index("MACs") + 1
"""Where another cost stands among them."""
COST_COLUMNS = ("method", "sizes", "networks", "search or tuning", "teacher", "all")
SMALL_COLUMNS = ("method", "% of teacher", "test %", "behind the teacher", "training - validation")
TEXT_COLUMNS = ("step", "method")
"""The columns that are aligned to the left."""

COST_TITLE = "Seconds for one network of each size"
NOTES = (
    "Test accuracy is mean ± standard deviation over studies and repetitions. Differences are in "
    "points, planting minus the method, with the 95 % bootstrap interval over studies, which is "
    "too narrow for few of them: of three it goes from the smallest to the largest difference.",
    "Seconds are means, learning rates were chosen by validation. Times include the teacher's "
    "training where the method needs it. Search or tuning: planting's probes, screens and failed "
    "trials, the trials of another search, and networks at other learning rates.",
    "Behind the teacher: points of test accuracy. Training - validation: points of accuracy by "
    "which a network is better on the images that it was trained on.",
)
"""What a reader of the tables must know."""


class TextTable(NamedTuple):
    """A table of texts."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


class Verdict(NamedTuple):
    """A comparison in words and tables.

    Attributes:
        overall: Sentences over all sizes.
        by_size: Sentences about single sizes.
        tables: The numbers behind them.
        notes: What a reader of the tables must know.
        problem: Why there is nothing of it; else empty.
    """

    overall: Sequence[str] = ()
    by_size: Sequence[str] = ()
    tables: Sequence[TextTable] = ()
    notes: Sequence[str] = ()
    problem: str = ""


def verdict(comparison: Comparison) -> Verdict:
    """All that a page says of a comparison; tables without rows are left out."""
    overall, by_size = list[str](), list[str]()
    for difference, said in zip(comparison.differences, sentences(comparison), strict=True):
        where = overall if difference.step is None else by_size
        where.append(f"{said[0].upper()}{said[1:]}.")
    tables = (
        TextTable(verdict_title(comparison), verdict_columns(comparison), verdict_rows(comparison)),
        TextTable(small_title(comparison), small_columns(comparison), small_rows(comparison)),
        TextTable(COST_TITLE, COST_COLUMNS, cost_rows(comparison)),
    )
    return Verdict(
        overall, by_size, [table for table in tables if table.rows], notes_of(comparison)
    )


def notes_of(comparison: Comparison) -> list[str]:
    """What a reader of the tables must know."""
    words, in_points = comparison.metric.words, comparison.metric.scale == 100
    notes = NOTES if in_points else [sub("(in )?points,?( of)? ", "", note) for note in NOTES]
    return [note.replace("accuracy", words) for note in notes]


def verdict_title(comparison: Comparison) -> str:
    """What all networks of a step have in common: the cost that accuracy is traded for."""
    return f"Planting and baselines of equal {title_of(comparison.cost_name)}"


def small_title(comparison: Comparison) -> str:
    """Which networks the table of small ones has."""
    title = title_of(comparison.cost_name)
    return f"Nearest to {PAPERS_SHARE:.0%} of the teacher's {title}, and how much it overfits"


def verdict_columns(comparison: Comparison) -> tuple[str, ...]:
    """Those of `VERDICT_COLUMNS`, and what accuracy is traded for, if that is not among them."""
    name = comparison.cost_name
    others = () if name in ("parameters", "macs") else (title_of(name),)
    columns = (*VERDICT_COLUMNS[:COST_AT], *others, *VERDICT_COLUMNS[COST_AT:])
    return _named(columns, comparison)


def verdict_rows(comparison: Comparison) -> list[tuple[str, ...]]:
    """The cells of `verdict_columns`, by step, the most accurate method first."""
    better = {(each.step, each.method): each.accuracy for each in comparison.differences}
    groups = grouped(((entry.step, entry.method), entry) for entry in comparison.entries)
    spreads = {key: accuracy_spread(entries) for key, entries in groups.items()}
    tested = {key: each.mean for key, each in spreads.items() if not isnan(each.mean)}
    columns, rows = verdict_columns(comparison), list[tuple[str, ...]]()
    shown_gain = comparison.metric.gain
    for key in sorted(groups, key=lambda key: (key[0] or 0, -tested.get(key, -inf))):
        (step, method), entries = key, groups[key]
        gain = ""
        if (difference := better.get(key)) is not None:
            gain = shown_gain(difference.mean)
            if difference.has_interval:
                gain += f" ({shown_gain(difference.low)} to {shown_gain(difference.high)})"
        rates = {entry.learning_rate for entry in entries if entry.learning_rate is not None}
        cost = shown_cost(fmean(entry.cost for entry in entries))
        rows.append(
            (
                "" if step is None else str(step),
                method,
                f"{fmean(entry.parameters for entry in entries):,.0f}",
                f"{fmean(entry.macs for entry in entries):,.0f}",
                *([cost] if len(columns) > len(VERDICT_COLUMNS) else []),
                shown_spread(spreads[key], comparison.metric),
                gain,
                f"{fmean(entry.own_seconds for entry in entries):,.1f}",
                f"{fmean(entry.seconds for entry in entries):,.1f}",
                ", ".join(f"{rate:g}" for rate in sorted(rates)),
            )
        )
    return rows


def verdict_table(comparison: Comparison) -> Table:
    """A row for each method at each step."""
    rows = verdict_rows(comparison)
    return _table(verdict_title(comparison), verdict_columns(comparison), rows)


def cost_rows(comparison: Comparison) -> list[tuple[str, ...]]:
    """The cells of `COST_COLUMNS`, means over studies, the cheapest method first."""
    by_method = grouped((cost.method, cost) for cost in comparison.costs)
    rows = list[tuple[str, ...]]()
    for costs in sorted(by_method.values(), key=lambda costs: fmean(each.total for each in costs)):
        sizes = sorted({cost.sizes for cost in costs})
        columns = zip(*((c.networks, c.search, c.teacher, c.total) for c in costs), strict=True)
        seconds = (f"{fmean(column):,.1f}" for column in columns)
        rows.append((costs[0].method, ", ".join(map(str, sizes)), *seconds))
    return rows


def comparison_cost_table(comparison: Comparison) -> Table:
    """A row for each method: all sizes together, with search or tuning and the teacher beside."""
    return _table(COST_TITLE, COST_COLUMNS, cost_rows(comparison))


def small_columns(comparison: Comparison) -> tuple[str, ...]:
    """Those of `SMALL_COLUMNS`, with the metric's name."""
    return _named(SMALL_COLUMNS, comparison)


def small_rows(comparison: Comparison) -> list[tuple[str, ...]]:
    """The cells of `SMALL_COLUMNS`, the teacher first; none where a split was not evaluated."""
    return [
        (
            row.method,
            f"{100 * row.share:.1f}",
            *(
                shown_spread(each, comparison.metric)
                for each in (row.test_accuracy, row.behind_teacher, row.gap)
            ),
        )
        for row in small_networks(comparison)
    ]


def small_table(comparison: Comparison) -> Table:
    """A row for the teacher and for each method, at one size: what the paper's claim is about."""
    return _table(small_title(comparison), small_columns(comparison), small_rows(comparison))


def sentences(comparison: Comparison) -> list[str]:
    """Where planting is better, worse or not clearly either, method by method."""
    title = title_of(comparison.cost_name)
    return [_sentence(each, comparison.metric, title) for each in comparison.differences]


def shown_spread(measured: Spread, metric: Metric) -> str:
    """`91.23 ± 0.12`, of a metric in its unit; without what is not known."""
    if isnan(measured.mean):
        return ""
    deviation = "" if isnan(measured.deviation) else f" ± {metric.figure(measured.deviation)}"
    return f"{metric.figure(measured.mean)}{deviation}"


def accuracy_spread(entries: Sequence[Entry]) -> Spread:
    """Test accuracy over studies and repetitions; sizes of one step count with their mean."""
    tested = grouped(
        ((entry.study, entry.repetition), entry.test_accuracy)
        for entry in entries
        if entry.test_accuracy is not None
    )
    return spread([*map(fmean, tested.values())])


def _named(columns: Sequence[str], comparison: Comparison) -> tuple[str, ...]:
    """The columns with the metric's name, where that is not accuracy."""
    if comparison.metric == ACCURACY:
        return tuple(columns)
    named = f"test {comparison.metric.title}"
    return tuple(named if column == "test %" else column for column in columns)


def _table(title: str, columns: Sequence[str], rows: Iterable[tuple[str, ...]]) -> Table:
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, justify="left" if column in TEXT_COLUMNS else "right")
    previous = ""
    for row in rows:
        if columns[0] == "step" and row[0] != previous:
            table.add_section()
        previous = row[0]
        table.add_row(*row)
    return table


def _sentence(difference: MethodDifference, metric: Metric, title: str) -> str:
    accuracy = difference.accuracy
    where = "over all sizes"
    if difference.step is not None:
        where = f"at {_shown_count(difference.cost)} {title}"
    unit = "points " if metric.scale == 100 else ""
    better = "better" if accuracy.mean >= 0 else "worse"
    points = f"{metric.figure(abs(accuracy.mean))} {unit}{better}"
    known = f"({_certainty(accuracy, metric)})"
    if accuracy.has_interval and not accuracy.is_clear:
        known = f"({points}, {_certainty(accuracy, metric)})"
        said = f"no clear difference between {PLANTING} and {difference.method} {known}"
    else:
        said = f"{PLANTING} is {points} than {difference.method} {known}"
    if isnan(difference.time):
        return f"{where} {said}"
    whole, sizes = "", "" if difference.step is None else " for all sizes"
    if not isnan(difference.whole_time):
        whole = f" ({_shown_ratio(difference.whole_time)}x{sizes} with search and tuning)"
    return f"{where} {said} at {_shown_ratio(difference.time)}x its training time{whole}"


def _certainty(accuracy: Difference, metric: Metric) -> str:
    pairs = f"{accuracy.pairs} pair{'' if accuracy.pairs == 1 else 's'}"
    if not accuracy.has_interval:
        return f"{pairs}: no interval"
    low, high = accuracy.low, accuracy.high
    if accuracy.is_clear:  # said with the word better or worse
        low, high = sorted((abs(low), abs(high)))
        return f"95 %: {metric.figure(low)} to {metric.figure(high)}; {pairs}"
    return f"95 %: {metric.gain(low)} to {metric.gain(high)}; {pairs}"


def _shown_ratio(ratio: float) -> str:
    return f"{ratio:.1f}" if ratio >= 0.1 else f"{ratio:.1g}"


def _shown_count(number: float) -> str:
    if number >= 1e6:
        return f"{number / 1e6:.2f} M"
    return f"{number / 1e3:.1f} k" if number >= 1e3 else shown_cost(number)
