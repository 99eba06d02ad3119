"""Every trial is a bar in its worker's row, and long pauses do not squeeze them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from optuna.trial import FrozenTrial, TrialState

from plantnas.records.database import Database
from plantnas.records.study import StudyRecords
from plantnas.report.plotting.timeline import (
    Bar,
    Pause,
    TimelineInfo,
    timeline_figure,
    timeline_info,
)
from plantnas.report.study_data import StudyData, study_data
from tests.conftest import StudyFolder
from tests.report.conftest import NOW, study_record, trial

ONE, OTHER = "host.example.org:11:5", "host.example.org:12:5"
END = NOW + timedelta(days=9)


def ran(
    number: int,
    start: float,
    seconds: float | None,
    *,
    worker: str = ONE,
    kind: str = "screen",
    state: TrialState = TrialState.COMPLETE,
) -> FrozenTrial:
    """A trial as Optuna gives it: local moments without a time zone."""
    made = trial(number, state, 0.0)
    begun = (NOW + timedelta(seconds=start)).astimezone().replace(tzinfo=None)
    made.values = [0.9, 1000.0] if state == TrialState.COMPLETE else None
    made.datetime_start = begun
    made.datetime_complete = None if seconds is None else begun + timedelta(seconds=seconds)
    made.user_attrs = {"worker": worker, "kind": kind, "step": 1, "parent": "seed"}
    return made


@pytest.fixture
def data(records: StudyRecords) -> StudyData:
    """A study with a teacher of 2.5 seconds that ended 1 second before the seed's began."""
    data = study_data(records)
    teacher = replace(data.networks[0], created=NOW - timedelta(seconds=3.5))
    seed = replace(data.networks[1], created=NOW)
    return data._replace(networks=[teacher, seed, *data.networks[2:]])


def info_of(data: StudyData, *trials: FrozenTrial, now: datetime = END) -> TimelineInfo:
    return timeline_info(data._replace(trials=list(trials)), now)


def without_networks(data: StudyData) -> StudyData:
    return data._replace(networks=[])


def spans(bars: list[Bar]) -> list[tuple[float, float]]:
    return [(round(bar.start, 3), round(bar.end, 3)) for bar in bars]


def test_teacher_and_seed_have_a_row_of_their_own(data: StudyData) -> None:
    rows = info_of(data, ran(0, 0.5, 2.0)).rows
    assert [row.name for row in rows] == ["teacher, seed", "host 1"]
    assert spans(rows[0].bars) == [(0.0, 2.5), (3.5, 6.0)]
    assert spans(rows[1].bars) == [(6.5, 8.5)]


def test_workers_are_numbered_by_their_first_trials(data: StudyData) -> None:
    trials = [
        ran(0, 0, 2, worker=OTHER),
        ran(1, 0.1, 2, worker=ONE),
        ran(2, 2, 2, worker="new:1:1"),
    ]
    rows = info_of(without_networks(data), *trials).rows
    assert [row.name for row in rows] == ["host 1", "host 2", "new 1"]
    assert OTHER in rows[0].bars[0].hover


def test_kind_and_outcome_of_each_trial_are_kept(data: StudyData) -> None:
    trials = [
        ran(0, 0, 2),
        ran(1, 2, 1, state=TrialState.PRUNED),
        ran(2, 3, 1, state=TrialState.FAIL),
        ran(3, 4, 3, kind="grow"),
    ]
    bars = info_of(without_networks(data), *trials).rows[0].bars
    assert [(bar.kind, bar.outcome) for bar in bars] == [
        ("screen", "complete"),
        ("screen", "refused"),
        ("screen", "failed"),
        ("grow", "complete"),
    ]


def test_a_probe_shows_its_loss_and_no_accuracy(data: StudyData) -> None:
    probe = ran(0, 0, 2, kind="probe")
    probe.user_attrs["held_back_loss"] = 0.25
    (bar,) = info_of(without_networks(data), probe).rows[0].bars
    assert "loss without training 0.250" in bar.hover
    assert "accuracy" not in bar.hover


@pytest.mark.parametrize("is_aware", [True, False])
def test_a_running_trial_ends_now(data: StudyData, is_aware: bool) -> None:
    now = NOW + timedelta(seconds=7)
    running = ran(1, 2, None, state=TrialState.RUNNING)
    given = now if is_aware else now.astimezone().replace(tzinfo=None)
    bars = info_of(without_networks(data), ran(0, 0, 2), running, now=given).rows[0].bars
    assert spans(bars) == [(0.0, 2.0), (2.0, 7.0)]
    assert bars[1].outcome == "running"


def test_a_dead_workers_trial_is_not_drawn_for_days(data: StudyData) -> None:
    dead = ran(1, 2, 90_000, state=TrialState.FAIL)
    bars = info_of(without_networks(data), ran(0, 0, 2), dead).rows[0].bars
    assert spans(bars) == [(0.0, 2.0), (2.0, 6.0)]
    assert "nothing says that its worker lived on" in bars[1].hover
    assert "nothing says" not in bars[0].hover


def test_a_trial_that_waits_is_no_bar(data: StudyData) -> None:
    waiting = ran(1, 0, None, state=TrialState.WAITING)
    waiting.datetime_start = None
    assert len(info_of(without_networks(data), ran(0, 0, 2), waiting).rows[0].bars) == 1


def test_a_worker_is_idle_between_its_trials_and_while_the_last_ones_run(data: StudyData) -> None:
    trials = [ran(0, 0, 4), ran(1, 5, 3), ran(2, 0, 10, worker=OTHER)]
    rows = info_of(without_networks(data), *trials).rows
    assert [row.idle for row in rows] == pytest.approx([0.3, 0.0])


def test_overlapping_trials_of_a_worker_count_once(data: StudyData) -> None:
    trials = [ran(0, 0, 6), ran(1, 2, 2), ran(2, 9, 1)]
    assert info_of(without_networks(data), *trials).rows[0].idle == pytest.approx(0.3)


def test_a_pause_of_hours_is_left_out(data: StudyData) -> None:
    info = info_of(without_networks(data), ran(0, 0, 10), ran(1, 7210, 10, worker=OTHER))
    assert info.pauses == [Pause(10.0, 7200.0)]
    assert spans(info.rows[1].bars) == [(10.0, 20.0)]


def test_a_pause_is_nobodys_idle_time(data: StudyData) -> None:
    trials = [ran(0, 0, 10), ran(1, 0, 5, worker=OTHER), ran(2, 7210, 10, worker="new:1:1")]
    rows = info_of(without_networks(data), *trials).rows
    assert [row.idle for row in rows] == pytest.approx([0.0, 0.5, 0.0])


def test_a_short_wait_is_no_pause(data: StudyData) -> None:
    info = info_of(without_networks(data), ran(0, 0, 10), ran(1, 11, 10))
    assert info.pauses == []
    assert spans(info.rows[0].bars) == [(0.0, 10.0), (11.0, 21.0)]


def test_a_pause_is_marked_and_in_the_title_of_the_axis(data: StudyData) -> None:
    figure = timeline_figure(
        info_of(without_networks(data), ran(0, 0, 10), ran(1, 7210, 10, worker=OTHER))
    )
    assert [line.x0 for line in figure.layout.shapes] == [10.0]
    assert "nothing ran for 2 h 0 min" in figure.layout.xaxis.title.text


def test_there_is_a_trace_for_each_kind_and_outcome(data: StudyData) -> None:
    trials = [ran(0, 0, 2), ran(1, 2, 1, state=TrialState.PRUNED), ran(2, 3, 3, kind="grow")]
    traces = {trace.name: trace for trace in timeline_figure(info_of(data, *trials)).data}
    assert list(traces) == ["teacher", "seed", "screen", "screen, refused", "grow"]
    assert not traces["screen"].marker.pattern.shape
    assert traces["screen, refused"].marker.pattern.shape
    assert list(traces["grow"].base) == pytest.approx([9.0])
    assert list(traces["grow"].x) == pytest.approx([3.0])


def test_rows_are_labelled_with_the_idle_share(data: StudyData) -> None:
    figure = timeline_figure(info_of(data, ran(0, 0, 4), ran(1, 5, 5)))
    assert set(figure.data[-1].y) == {"host 1<br>idle 10 %"}


def test_user_text_is_not_read_as_html(data: StudyData) -> None:
    odd = ran(0, 0, 2, worker="<b>:1:1", kind="<i>")
    info = info_of(without_networks(data)._replace(study=replace(data.study, name="a<b>")), odd)
    figure = timeline_figure(info)
    assert "a&lt;b&gt;" in figure.layout.title.text
    assert figure.data[0].y[0].startswith("&lt;b&gt; 1")
    assert "<i>" not in figure.data[0].hovertext[0]


def test_a_real_studys_trials_all_have_a_bar_after_the_seeds(finished: StudyFolder) -> None:
    data = study_data(finished.records)
    prepared, worker = timeline_info(data, datetime.now(UTC)).rows
    assert [bar.kind for bar in prepared.bars] == ["teacher", "seed"]
    assert len(worker.bars) == len(data.trials)
    assert worker.bars[0].start >= prepared.bars[-1].end


def test_a_study_that_has_not_begun_has_a_plot_that_says_so(database: Database) -> None:
    database.add_study(study_record("empty"))
    info = timeline_info(study_data(StudyRecords(database, "empty")), END)
    assert info.rows == []
    assert "begun" in timeline_figure(info).layout.annotations[0].text
