"""What each worker did and when: a bar a trial. What all of it took is in cost.py."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from html import escape
from typing import NamedTuple

import plotly.graph_objects as go
from optuna.trial import FrozenTrial, TrialState

from plantnas.records.optuna_tables import (
    KIND_KEY,
    PARAMETERS_KEY,
    PARENT_KEY,
    REASON_KEY,
    STATES,
    STEP_KEY,
    WORKER_KEY,
    Outcome,
)
from plantnas.records.record import NetworkRecord
from plantnas.report.entries import seconds_of
from plantnas.report.finished_trials import believed_durations, utc
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
    "screen": "#9ecae1",
    "grow": PLANTING_COLOUR,
}
UNKNOWN_COLOUR = "#666666"
HATCHINGS: dict[Outcome, str] = {"complete": "", "running": ".", "failed": "x", "refused": "/"}


class Bar(NamedTuple):
    """A trial, or the training of teacher or seed.

    Attributes:
        kind: "screen", "grow", "teacher", "seed", or "unknown".
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
        """Likewise."""
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


class Pause(NamedTuple):
    """A time when nothing ran, which is left out: where it was, and how long."""

    at: float
    seconds: float


class TimelineInfo(NamedTuple):
    """What the timeline shows.

    Attributes:
        study: Name of the study.
        rows: Teacher and seed, then the workers, the first to start first.
        pauses: What is left out, the earliest first.
    """

    study: str
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
    trials = [
        trial
        for trial in recorded.trials
        if trial.datetime_start and trial.state != TrialState.WAITING
    ]
    work = sorted(
        [*_preparation(recorded.networks), *_trials(trials, utc(now))], key=lambda each: each.start
    )
    if not work:
        return TimelineInfo(recorded.name, [], [])
    pauses = _pauses(work)
    bars = dict[str, list[Bar]]()
    for each in work:
        bars.setdefault(each.row, []).append(_bar(each, work[0].start, pauses))
    marks = _marks(pauses, work[0].start)
    ends = [*(pause.at for pause in marks), max(_end(theirs) for theirs in bars.values())]
    rows = [TimelineRow(name, theirs, _idle(name, theirs, ends)) for name, theirs in bars.items()]
    rows.sort(key=lambda row: row.name != PREPARATION)
    return TimelineInfo(recorded.name, rows, marks)


def timeline_figure(info: TimelineInfo) -> go.Figure:
    """A row a worker, a bar a trial, and a dotted line where a pause is left out."""
    figure = go.Figure()
    end = max((bar.end for row in info.rows for bar in row.bars), default=0.0)
    unit = time_unit(end)
    names = [_label(row) for row in info.rows]
    for kind, outcome in _series(info.rows):
        figure.add_trace(_trace(info.rows, names, kind, outcome, unit.seconds))
    lay_out(figure, f"{escape(info.study)}: what each worker did", 210 + 46 * max(len(names), 2))
    legend_at_bottom(figure, room=120)
    figure.update_layout(barmode="overlay", bargap=0.3, hovermode="closest")
    for pause in info.pauses:
        labelled = len(info.pauses) <= MOST_LABELLED_PAUSES
        _add_pause(figure, pause, unit.seconds, duration(pause.seconds) if labelled else "")
    figure.update_xaxes(title=_axis_title(unit.name, info.pauses), rangemode="tozero")
    figure.update_yaxes(autorange="reversed", showgrid=False, type="category", ticks="")
    if not info.rows:
        say_empty(figure, "neither a trial has begun nor has a teacher been trained")
    return figure


def _preparation(networks: Sequence[NetworkRecord]) -> Iterator[_Work]:
    """Teacher and seed, which are recorded as soon as they are trained."""
    for network in networks:
        if network.method in ("teacher", "seed") and network.created:
            end, seconds = utc(network.created), seconds_of([network])
            start = end - timedelta(seconds=seconds)
            hover = f"<b>{network.method}</b>, network {network.id}<br>{_when(start, seconds)}"
            yield _Work(PREPARATION, network.method, "complete", start, end, hover)


def _trials(trials: Sequence[FrozenTrial], now: datetime) -> Iterator[_Work]:
    rows, believed = _worker_names(trials), believed_durations(trials, now)
    for trial in trials:
        outcome, start = STATES[trial.state].shown, utc(trial.datetime_start)
        end = start + believed[trial.number]
        hover = _hover(trial, outcome, start, believed[trial.number].total_seconds())
        if utc(trial.datetime_complete or now) > end:
            hover += "<br>not longer, as nothing says that its worker lived on"
        kind = str(trial.user_attrs.get(KIND_KEY, "unknown"))
        yield _Work(rows[_worker(trial)], kind, outcome, start, end, hover)


def _worker(trial: FrozenTrial) -> str:
    return str(trial.user_attrs.get(WORKER_KEY, ""))


def _worker_names(trials: Sequence[FrozenTrial]) -> dict[str, str]:
    """Host and a number by the name in the trials, in the order of their first trials."""
    hosts, names = Counter[str](), dict[str, str]()
    for worker in dict.fromkeys(map(_worker, trials)):
        host = worker.partition(":")[0].partition(".")[0][:LONGEST_HOST]
        hosts[host] += 1
        names[worker] = f"{host} {hosts[host]}" if host else "unknown worker"
    return names


def _hover(trial: FrozenTrial, outcome: Outcome, start: datetime, seconds: float) -> str:
    known = trial.user_attrs
    lines = [
        f"<b>trial {trial.number}</b>: {escape(str(known.get(KIND_KEY, 'unknown')))}, {outcome}",
        f"step {known.get(STEP_KEY, '?')}, parent {known.get(PARENT_KEY, '?')}",
        *([f"{known[PARAMETERS_KEY]:,} parameters"] if PARAMETERS_KEY in known else []),
        *([f"accuracy {100 * trial.values[0]:.2f} %"] if outcome == "complete" else []),
        *([escape(str(known[REASON_KEY]))] if REASON_KEY in known else []),
        _when(start, seconds),
        escape(_worker(trial)),
    ]
    return "<br>".join(lines)


def _when(start: datetime, seconds: float) -> str:
    """In local time, as clocks on the wall have it."""
    return f"{start.astimezone():%Y-%m-%d %H:%M:%S}, {duration(seconds)}"


def _pauses(work: Sequence[_Work]) -> list[tuple[datetime, datetime]]:
    """From when to when nothing ran, where that is long."""
    gaps, end, busy = list[tuple[datetime, datetime]](), work[0].start, timedelta()
    for each in work:
        if each.start > end:
            gaps.append((end, each.start))
        busy += max(timedelta(), each.end - max(end, each.start))
        end = max(end, each.end)
    longest = max(LONGEST_WAIT, LONGEST_WAIT_SHARE * busy)
    return [(begin, end) for begin, end in gaps if end - begin > longest]


def _bar(work: _Work, first: datetime, pauses: Sequence[tuple[datetime, datetime]]) -> Bar:
    seconds = (work.end - work.start).total_seconds()
    return Bar(work.kind, work.outcome, _at(work.start, first, pauses), seconds, work.hover)


def _at(moment: datetime, first: datetime, pauses: Sequence[tuple[datetime, datetime]]) -> float:
    """Seconds since the first bar, without the pauses before."""
    paused = sum((end - begin for begin, end in pauses if end <= moment), timedelta())
    return (moment - first - paused).total_seconds()


def _marks(pauses: Sequence[tuple[datetime, datetime]], first: datetime) -> list[Pause]:
    return [
        Pause(_at(begin, first, pauses), (end - begin).total_seconds()) for begin, end in pauses
    ]


def _end(bars: Sequence[Bar]) -> float:
    return max(bar.end for bar in bars)


def _idle(name: str, bars: Sequence[Bar], ends: Sequence[float]) -> float | None:
    """Until the first of these ends after its last bar; trials of its threads may overlap."""
    if name == PREPARATION:
        return None
    reached, busy = bars[0].start, 0.0
    for bar in bars:
        busy += max(0.0, bar.end - max(reached, bar.start))
        reached = max(reached, bar.end)
    # An end that is its own may differ in the last digit.
    whole = next((end for end in ends if end >= reached - 0.001), reached) - bars[0].start
    return max(0.0, 1 - busy / whole) if whole else 0.0


def _label(row: TimelineRow) -> str:
    idle = "" if row.idle is None else f"<br>idle {100 * row.idle:.0f} %"
    return escape(row.name) + idle


def _series(rows: Sequence[TimelineRow]) -> list[tuple[str, Outcome]]:
    """Kinds in the order of a study, unknown ones last, each with its outcomes."""
    found = {(bar.kind, bar.outcome) for row in rows for bar in row.bars}
    kinds = list(dict.fromkeys([*KIND_COLOURS, *sorted(kind for kind, _ in found)]))
    return [(kind, outcome) for kind in kinds for outcome in HATCHINGS if (kind, outcome) in found]


def _trace(
    rows: Sequence[TimelineRow], names: Sequence[str], kind: str, outcome: Outcome, unit: float
) -> go.Bar:
    """Outlined, so that a trial of milliseconds can be seen too."""
    bars = [
        (name, bar)
        for name, row in zip(names, rows, strict=True)
        for bar in row.bars
        if (bar.kind, bar.outcome) == (kind, outcome)
    ]
    colour = KIND_COLOURS.get(kind, UNKNOWN_COLOUR)
    line = {"color": "white" if outcome == "complete" else "#333333", "width": 1}
    pattern = {"shape": HATCHINGS[outcome], "fgcolor": "black", "bgcolor": colour, "size": 6}
    return go.Bar(
        base=[bar.start / unit for _, bar in bars],
        x=[bar.seconds / unit for _, bar in bars],
        y=[name for name, _ in bars],
        orientation="h",
        name=escape(kind if outcome == "complete" else f"{kind}, {outcome}"),
        marker={"color": colour, "line": line, "pattern": pattern},
        hovertext=[bar.hover for _, bar in bars],
        hoverinfo="text",
    )


def _add_pause(figure: go.Figure, pause: Pause, unit_seconds: float, label: str) -> None:
    figure.add_vline(
        x=pause.at / unit_seconds,
        line={"color": "black", "dash": "dot", "width": 1},
        annotation={"text": label, "textangle": -90, "font": {"size": 10}},
        annotation_position="top right",
    )


def _axis_title(unit: str, pauses: Sequence[Pause]) -> str:
    if not pauses:
        return f"{unit} since the start"
    together = duration(sum(pause.seconds for pause in pauses))
    return f"{unit} since the start, cut where dotted:<br>nothing ran for {together}"
