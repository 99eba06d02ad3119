"""The rows, facts and sentences of the report page say what is recorded."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import numpy as np
import pytest
import yaml
from optuna.trial import TrialState, create_trial

from plantnas.errors import StudyError
from plantnas.measured import Evaluation
from plantnas.records.record import StudyRecord
from plantnas.records.study import StudyRecords
from plantnas.report.comparison.comparison import comparison
from plantnas.report.headline import export_command
from plantnas.report.page.tables import (
    configuration_text,
    facts,
    group_names,
    network_rows,
    own_comparison,
    progress_text,
    shown_time,
)
from plantnas.report.study_data import StudyData, study_data
from tests.report.conftest import FINISHED
from tests.report.page.conftest import NOW

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from plantnas.records.study import StudyRecords
    from tests.report.conftest import MakeBaseline, MakeStudy


@pytest.fixture
def data(records: StudyRecords) -> StudyData:
    return study_data(records)


@pytest.fixture(scope="module")
def compared(
    compared_study: MakeStudy, baseline: MakeBaseline, wasted: list[FrozenTrial]
) -> StudyRecords:
    """With trials that left no network, and a baseline at a rate that is not chosen."""
    baselines = [
        *(baseline("l1-kd", target, 0.7) for target in (4, 6)),
        baseline("l1-kd", 4, 0.9, rate=0.1, validation=0.1),
    ]
    return compared_study("compared", baselines, wasted=wasted)


def asked(data: StudyData, **configuration: object) -> StudyData:
    return data._replace(study=replace(data.study, configuration=configuration))


def trials(*states: TrialState) -> list[FrozenTrial]:
    values = {TrialState.COMPLETE: [0.5, 100.0]}
    return [create_trial(state=state, values=values.get(state)) for state in states]


def test_the_table_has_the_front_with_seed_and_teacher_by_size(data: StudyData) -> None:
    assert [row.network_id for row in network_rows(data)] == [2, 4, 6, 1]


def test_a_teacher_that_is_not_on_the_front_is_in_the_table(data: StudyData) -> None:
    worse = replace(data.networks[0], evaluations=(Evaluation("validation", 0.1, 1.0, 100),))
    assert [row.method for row in network_rows(data._replace(networks=[worse]))] == ["teacher"]


def test_baselines_are_in_the_table_at_their_chosen_rates_alone(compared: StudyRecords) -> None:
    rows = network_rows(study_data(compared))
    found = [(row.method, row.beside) for row in rows if row.beside is not None]
    assert found == [("l1-kd", 4), ("l1-kd", 6)]


def test_the_seconds_are_those_of_the_ancestors_too(data: StudyData) -> None:
    assert [row.seconds for row in network_rows(data)] == [2.5, 5.0, 7.5, 2.5]


def test_the_share_is_of_the_teacher(data: StudyData) -> None:
    assert [row.share for row in network_rows(data)] == [0.01, 0.02, 0.04, 1.0]


def test_without_a_teacher_there_is_no_share(data: StudyData) -> None:
    rows = network_rows(data._replace(networks=data.networks[1:2]))
    assert [row.share for row in rows] == [None]


def test_the_gap_is_training_minus_validation_accuracy(data: StudyData) -> None:
    splits = (Evaluation("train", 0.75, 0.1, 10), Evaluation("validation", 0.5, 0.1, 10))
    seed = replace(data.networks[1], evaluations=splits)
    (row,) = network_rows(data._replace(networks=[seed]))
    assert row.gap == pytest.approx(0.25)


def test_a_gap_that_was_not_measured_is_none(data: StudyData) -> None:
    assert {row.gap for row in network_rows(data)} == {None}


def test_a_finished_network_has_a_command_and_is_no_baseline(data: StudyData) -> None:
    finished = replace(FINISHED, id=7)
    rows = network_rows(data._replace(networks=[*data.networks, finished]))
    assert [(row.method, row.beside, row.command) for row in rows if row.network_id == 7] == [
        ("finish", None, "plantnas export made-up --network-id 7")
    ]


def test_planted_networks_alone_have_a_command(data: StudyData) -> None:
    commands = [row.command for row in network_rows(data)]
    export = "plantnas export made-up --network-id"
    assert commands == [None, f"{export} 4", f"{export} 6", None]


def test_a_command_is_quoted_for_the_shell() -> None:
    assert export_command("a $b", 3) == "plantnas export 'a $b' --network-id 3"


def test_groups_are_in_the_order_of_the_network(data: StudyData) -> None:
    assert group_names(data.networks) == ["stem", "head"]
    assert group_names([]) == []


def test_a_study_that_has_grown_all_steps_has_no_progress_text(data: StudyData) -> None:
    assert progress_text(asked(data, search={"steps": 2}), NOW) is None


def test_a_study_that_runs_says_so_with_the_time_of_the_reading(data: StudyData) -> None:
    running = asked(data, search={"steps": 3})._replace(
        trials=trials(TrialState.COMPLETE, TrialState.RUNNING)
    )
    text = "Read at 2026-03-04 05:06 UTC: 1 trial still ran, and networks were grown up to step 2"
    assert progress_text(running, NOW) == f"{text} of 3."


def test_a_study_that_was_interrupted_says_that_nothing_ran(data: StudyData) -> None:
    assert "no trial ran" in (progress_text(asked(data, search={"steps": 3}), NOW) or "")


def test_times_are_shown_in_utc() -> None:
    east = timezone(timedelta(hours=2))
    assert shown_time(datetime(2026, 1, 1, 1, 30, tzinfo=east)) == "2025-12-31 23:30 UTC"


def test_the_facts_count_trials_by_state(data: StudyData) -> None:
    states = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.COMPLETE, TrialState.FAIL)
    named = dict(facts(data._replace(trials=trials(*states)), NOW))
    assert named["trials"] == "4: 2 complete; 1 refused, not trained; 1 failed"


def test_the_facts_tell_probes_from_trials_that_left_a_network(data: StudyData) -> None:
    probe, other = trials(TrialState.COMPLETE, TrialState.COMPLETE)
    probe.user_attrs = {"kind": "probe"}
    named = dict(facts(data._replace(trials=[probe, other]), NOW))
    assert named["trials"] == "2: 2 complete, 1 of them probes"


def test_the_facts_name_versions_hardware_and_random_seed(data: StudyData) -> None:
    study = StudyRecord(
        "made-up", None, {"random_seed": 0}, "", "", {"torch": "2.9"}, {"gpus": [], "cpus": 2}, NOW
    )
    named = dict(facts(data._replace(study=study), NOW))
    expected = {"random seed": "0", "versions": "torch 2.9", "hardware": "gpus none, cpus 2"}
    assert expected.items() <= named.items()


def test_what_is_not_known_is_left_out_of_the_facts(data: StudyData) -> None:
    assert {"random seed", "versions", "trials"}.isdisjoint(dict(facts(data, NOW)))


def test_the_configuration_is_yaml_in_its_own_order() -> None:
    configuration = {"name": "ä", "data": {"size": None, "mean": [0.5]}}
    text = configuration_text(configuration)
    assert yaml.safe_load(text) == configuration
    assert text.startswith("name: ä\n")


def test_the_comparison_is_that_of_plantnas_compare(compared: StudyRecords) -> None:
    expected = comparison([compared], np.random.default_rng(0))
    found = own_comparison(study_data(compared))
    assert [str(part) for part in found or ()] == [str(part) for part in expected]  # NaN is NaN


def test_a_study_without_baselines_has_no_comparison(data: StudyData) -> None:
    assert own_comparison(data) is None


def test_a_comparison_without_trials_is_refused(compared: StudyRecords) -> None:
    without = study_data(compared)._replace(trials=[])
    with pytest.raises(StudyError, match="study 'compared': Optuna has no trials of it"):
        own_comparison(without)
