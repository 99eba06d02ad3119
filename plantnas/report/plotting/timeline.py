"""What each worker did and when: a bar a trial. What all of it took is in cost.py."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from html import escape
from itertools import product
from typing import NamedTuple

import plotly.graph_objects as go
from optuna.trial import TrialState

from plantnas.grouping import grouped
from plantnas.records.optuna_tables import (
    HELD_BACK_LOSS_KEY,
    KIND_KEY,
    PARAMETERS_KEY,
    PARENT_KEY,
    REASON_KEY,
    STATES,
    STEP_KEY,
    WORKER_KEY,
    Outcome,
)
from plantnas.report.entries import seconds_of
from plantnas.report.finished_trials import believed_durations, utc
from plantnas.report.front import metric_of
from plantnas.report.plotting.styles import (
    PLANTING_COLOUR,
    SEED_COLOUR,
    TEACHER_COLOUR,
    duration,
    lay_out,
    legend_at_bottom,
    say_empty,
    time_unit,
)
from plantnas.report.study_data import StudyData

PREPARATION = "teacher, seed"
"""The row of what is trained before the first trial."""
LONGEST_WAIT = timedelta(minutes=1)
LONGEST_WAIT_SHARE = 0.02
"""A time when nothing ran is a pause, which is left out, if it is longer than a minute and than
this share of the time when something did."""
MOST_LABELLED_PAUSES = 6
LONGEST_HOST = 14
"""Characters of a host's name that are shown, for the sake of phones."""
KIND_COLOURS = {
    "teacher": TEACHER_COLOUR,
    "seed": SEED_COLOUR,
    "probe": "#b2abd2",
    "screen": "#9ecae1",
    "grow": PLANTING_COLOUR,
}
UNKNOWN_COLOUR = "#666666"
HATCHINGS: dict[Outcome, str] = {"complete": "", "running": ".", "failed": "x", "refused": "/"}


class Bar(NamedTuple):
    """A trial, or the training of teacher or seed.

    Attributes:
        kind: "probe", "screen", "grow", "teacher", "seed", or "unknown".
        outcome: How it ended.
        start: Seconds since the study's first bar, pauses left out.
        seconds: As long as it is drawn.
        hover: What is shown while the pointer is on it.
    """

    kind: str
    outcome: Outcome
    start: float
    seconds: float
    hover: str

    @property
    def end(self) -> float:
        """Seconds since the study's first bar, pauses left out."""
        return self.start + self.seconds


class TimelineRow(NamedTuple):
    """What a worker did.

    Attributes:
        name: Host and a number; or that these are teacher and seed.
        bars: By start.
        idle: Share of the time in which it ran no trial, from its first start until the last
            worker ended, or until a pause; None of teacher and seed.
    """

    name: str
    bars: list[Bar]
    idle: float | None

    @property
    def label(self) -> str:
        """What stands beside its bars, as HTML."""
        idle = "" if self.idle is None else f"<br>idle {100 * self.idle:.0f} %"
        return escape(self.name) + idle


class Pause(NamedTuple):
    """A time when nothing ran, which is left out: where it was, and how long."""

    at: float
    seconds: float


class TimelineInfo(NamedTuple):
    """What the timeline shows.

    Attributes:
        name: Name of the study.
        rows: Teacher and seed, then the workers, the first to start first.
        pauses: What is left out, the earliest first.
    """

    name: str
    rows: list[TimelineRow]
    pauses: list[Pause]


class _Work(NamedTuple):
    """A bar before the pauses are known; moments in UTC."""

    row: str
    kind: str
    outcome: Outcome
    start: datetime
    end: datetime
    hover: str


def timeline_info(recorded: StudyData, now: datetime) -> TimelineInfo:
    """The data of the timeline.

    Args:
        recorded: The study.
        now: When it was read; one without a time zone is local. Running trials end here.
    """
    work = sorted(_work(recorded, utc(now)), key=lambda each: each.start)
    if not work:
        return TimelineInfo(recorded.name, [], [])
    first, gaps = work[0].start, _pauses(work)
    pauses = [Pause(_at(begin, first, gaps), (end - begin).total_seconds()) for begin, end in gaps]
    bars = grouped(
        (
            each.row,
            Bar(
                kind=each.kind,
                outcome=each.outcome,
                start=_at(each.start, first, gaps),
                seconds=(each.end - each.start).total_seconds(),
                hover=each.hover,
            ),
        )
        for each in work
    )
    last = max(bar.end for theirs in bars.values() for bar in theirs)
    ends = [*(pause.at for pause in pauses), last]
    rows = [
        TimelineRow(name, theirs, None if name == PREPARATION else _idle(theirs, ends))
        for name, theirs in bars.items()
    ]
    rows.sort(key=lambda row: row.name != PREPARATION)
    return TimelineInfo(recorded.name, rows, pauses)


def timeline_figure(timeline: TimelineInfo) -> go.Figure:
    """A row a worker, a bar a trial, and a dotted line where a pause is left out."""
    figure, rows, pauses = go.Figure(), timeline.rows, timeline.pauses
    unit = time_unit(max((bar.end for row in rows for bar in row.bars), default=0.0))
    for trace in _traces(rows, unit.seconds):
        figure.add_trace(trace)
    title = f"{escape(timeline.name)}: what each worker did"
    lay_out(figure, title, 210 + 46 * max(len(rows), 2))
    legend_at_bottom(figure, room=120)
    figure.update_layout(barmode="overlay", bargap=0.3, hovermode="closest")
    for pause in pauses:
        label = duration(pause.seconds) if len(pauses) <= MOST_LABELLED_PAUSES else ""
        figure.add_vline(
            x=pause.at / unit.seconds,
            line={"color": "black", "dash": "dot", "width": 1},
            annotation={"text": label, "textangle": -90, "font": {"size": 10}},
            annotation_position="top right",
        )
    title = f"{unit.name} since the start"
    if pauses:
        together = duration(sum(pause.seconds for pause in pauses))
        title += f", cut where dotted:<br>nothing ran for {together}"
    figure.update_xaxes(title=title, rangemode="tozero")
    figure.update_yaxes(autorange="reversed", showgrid=False, type="category", ticks="")
    if not rows:
        say_empty(figure, "neither a trial has begun nor has a teacher been trained")
    return figure


def _work(recorded: StudyData, now: datetime) -> Iterator[_Work]:
    """Teacher and seed, which are recorded as soon as they are trained, and then the trials."""
    for record in recorded.networks:
        if record.method in ("teacher", "seed") and record.created:
            end, seconds = utc(record.created), seconds_of([record])
            start = end - timedelta(seconds=seconds)
            hover = f"<b>{record.method}</b>, network {record.id}<br>{_when(start, seconds)}"
            yield _Work(PREPARATION, record.method, "complete", start, end, hover)
    trials = [
        trial
        for trial in recorded.trials
        if trial.datetime_start and trial.state != TrialState.WAITING
    ]
    names, hosts = dict[str, str](), Counter[str]()
    metric = metric_of(recorded.networks)
    believed = believed_durations(trials, now)
    for trial in trials:
        worker = str(trial.user_attrs.get(WORKER_KEY, ""))
        if worker not in names:  # host and a number, in the order of the workers' first trials
            host = worker.partition(":")[0].partition(".")[0][:LONGEST_HOST]
            hosts[host] += 1
            names[worker] = f"{host} {hosts[host]}" if host else "unknown worker"
        known, outcome = trial.user_attrs, STATES[trial.state.name].shown
        kind, start = str(known.get(KIND_KEY, "unknown")), utc(trial.datetime_start)
        end = start + believed[trial.number]
        lines = [
            f"<b>trial {trial.number}</b>: {escape(kind)}, {outcome}",
            f"step {known.get(STEP_KEY, '?')}, parent {known.get(PARENT_KEY, '?')}",
        ]
        if PARAMETERS_KEY in known:
            lines.append(f"{known[PARAMETERS_KEY]:,} parameters")
        if HELD_BACK_LOSS_KEY in known:
            lines.append(f"loss without training {known[HELD_BACK_LOSS_KEY]:.3f}")
        elif outcome == "complete":
            lines.append(f"{metric.words} {metric.text(trial.values[0])}")
        if REASON_KEY in known:
            lines.append(escape(str(known[REASON_KEY])))
        lines += [_when(start, believed[trial.number].total_seconds()), escape(worker)]
        if utc(trial.datetime_complete or now) > end:
            lines.append("not longer, as nothing says that its worker lived on")
        yield _Work(names[worker], kind, outcome, start, end, "<br>".join(lines))


def _when(start: datetime, seconds: float) -> str:
    """A beginning in local time, as clocks on the wall have it, and how long it took."""
    return f"{start.astimezone():%Y-%m-%d %H:%M:%S}, {duration(seconds)}"


def _pauses(work: Sequence[_Work]) -> list[tuple[datetime, datetime]]:
    """When nothing ran, from the beginning to the end of each time that is long."""
    gaps, end, busy = list[tuple[datetime, datetime]](), work[0].start, timedelta()
    for each in work:
        if each.start > end:
            gaps.append((end, each.start))
        busy += max(timedelta(), each.end - max(end, each.start))
        end = max(end, each.end)
    longest = max(LONGEST_WAIT, LONGEST_WAIT_SHARE * busy)
    return [(begin, end) for begin, end in gaps if end - begin > longest]


def _at(moment: datetime, first: datetime, pauses: Sequence[tuple[datetime, datetime]]) -> float:
    """Seconds since the first bar, without the pauses before."""
    paused = sum((end - begin for begin, end in pauses if end <= moment), timedelta())
    return (moment - first - paused).total_seconds()


def _idle(bars: Sequence[Bar], ends: Sequence[float]) -> float:
    """A worker's idle share until the first of these ends after its last bar.

    Trials of its threads may overlap.
    """
    reached, busy = bars[0].start, 0.0
    for bar in bars:
        busy += max(0.0, bar.end - max(reached, bar.start))
        reached = max(reached, bar.end)
    # An end that is its own may differ in the last digit.
    whole = next((end for end in ends if end >= reached - 0.001), reached) - bars[0].start
    return max(0.0, 1 - busy / whole) if whole else 0.0


def _traces(rows: Sequence[TimelineRow], unit_seconds: float) -> Iterator[go.Bar]:
    """The bars of each kind in the order of a study, unknown kinds last, each with its outcomes.

    They are outlined, so that a trial of milliseconds can be seen too.
    """
    series = grouped(((bar.kind, bar.outcome), (row, bar)) for row in rows for bar in row.bars)
    kinds = list(dict.fromkeys([*KIND_COLOURS, *sorted(kind for kind, _ in series)]))
    for kind, outcome in product(kinds, HATCHINGS):
        bars = series.get((kind, outcome), [])
        if not bars:
            continue
        colour = KIND_COLOURS.get(kind, UNKNOWN_COLOUR)
        line = {"color": "white" if outcome == "complete" else "#333333", "width": 1}
        pattern = {"shape": HATCHINGS[outcome], "fgcolor": "black", "bgcolor": colour, "size": 6}
        yield go.Bar(
            base=[bar.start / unit_seconds for _, bar in bars],
            x=[bar.seconds / unit_seconds for _, bar in bars],
            y=[row.label for row, _ in bars],
            orientation="h",
            name=escape(kind if outcome == "complete" else f"{kind}, {outcome}"),
            marker={"color": colour, "line": line, "pattern": pattern},
            hovertext=[bar.hover for _, bar in bars],
            hoverinfo="text",
        )
