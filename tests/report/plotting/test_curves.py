"""The curves are those of one lineage, one training after the other."""

from dataclasses import replace
from math import isnan, nan

import pytest

from plantnas.errors import StudyError
from plantnas.measured import Epoch
from plantnas.records.record import NetworkRecord
from plantnas.records.study import StudyRecords
from plantnas.report.plotting.curves import CurvesInfo, curves_figure, curves_info
from plantnas.report.study_data import StudyData, study_data
from tests.conftest import StudyFolder

EPOCHS = {2: 4, 3: 1, 4: 2, 6: 3}
"""Number of epochs by the id of the network."""


def epochs(count: int, loss: float) -> tuple[Epoch, ...]:
    return tuple(
        Epoch(number, 0.01 / number, loss + 0.1, loss, 0.5 + 0.1 * number, 1.0)
        for number in range(1, count + 1)
    )


def trained(network: NetworkRecord, loss: float = 0.5) -> NetworkRecord:
    return replace(network, epochs=epochs(EPOCHS.get(network.id or 0, 0), loss))


@pytest.fixture
def data(records: StudyRecords) -> StudyData:
    data = study_data(records)
    return data._replace(networks=[trained(network) for network in data.networks])


@pytest.fixture
def info(data: StudyData) -> CurvesInfo:
    return curves_info(data)


def with_a_hole(data: StudyData) -> StudyData:
    """The seed's second training loss is not a number."""
    seed = data.networks[1]
    hole = (seed.epochs[0], seed.epochs[1]._replace(training_loss=nan), *seed.epochs[2:])
    networks = [data.networks[0], replace(seed, epochs=hole), *data.networks[2:]]
    return data._replace(networks=networks)


def test_the_most_accurate_planted_networks_lineage_is_shown(info: CurvesInfo) -> None:
    assert [(step.step, step.network_id, step.parameters) for step in info.steps] == [
        (0, 2, 500),
        (1, 4, 1_000),
        (2, 6, 2_000),
    ]
    assert info.network_id == 6


def test_epochs_are_counted_since_the_seeds_first(info: CurvesInfo) -> None:
    assert [(step.before, len(step.epochs)) for step in info.steps] == [(0, 4), (4, 2), (6, 3)]
    assert info.epochs == 9


def test_another_networks_lineage_is_shown_on_demand(data: StudyData) -> None:
    assert [step.network_id for step in curves_info(data, 3).steps] == [2, 3]


@pytest.mark.parametrize("network_id", [1, 99])
def test_a_network_without_a_lineage_is_refused(data: StudyData, network_id: int) -> None:
    with pytest.raises(StudyError, match=f"network {network_id} is neither.*networks: 2, 4, 5, 6."):
        curves_info(data, network_id)


def test_before_anything_is_planted_the_seeds_curves_are_shown(data: StudyData) -> None:
    info = curves_info(data._replace(networks=data.networks[:2]))
    assert [step.network_id for step in info.steps] == [2]


def test_a_real_studys_curves_have_all_epochs_of_the_lineage(finished: StudyFolder) -> None:
    info = curves_info(study_data(finished.records))
    assert info.steps[0].step == 0
    assert all(step.epochs for step in info.steps)


def test_each_step_has_both_losses_and_its_accuracy_in_per_cent(info: CurvesInfo) -> None:
    training, validation, accuracy = curves_figure(info).data[3:6]
    assert list(training.x) == list(validation.x) == list(accuracy.x) == [5, 6]
    assert list(training.y) == pytest.approx([0.6, 0.6])
    assert list(validation.y) == [0.5, 0.5]
    assert list(accuracy.y) == pytest.approx([60.0, 70.0])
    assert (training.line.dash, validation.line.dash) == ("dash", "solid")


def test_a_loss_that_is_not_a_number_leaves_a_gap(data: StudyData) -> None:
    training = curves_figure(curves_info(with_a_hole(data))).data[0]
    assert [isnan(loss) for loss in training.y] == [False, True, False, False]
    assert not training.connectgaps


def test_the_learning_rate_is_in_the_hover(info: CurvesInfo) -> None:
    assert "learning rate 0.005" in curves_figure(info).data[3].hovertext[1]


def test_the_teacher_is_a_dotted_line(info: CurvesInfo) -> None:
    teacher = curves_figure(info).data[-1]
    assert teacher.name == "teacher"
    assert (list(teacher.y), teacher.line.dash) == ([95.0, 95.0], "dot")


def test_the_legend_has_each_step_once(info: CurvesInfo) -> None:
    traces = curves_figure(info).data
    named = [trace.name for trace in traces if trace.showlegend is not False]
    assert named == ["seed", "step 1", "step 2", "teacher"]


def test_each_step_has_a_band_with_its_number_and_size(info: CurvesInfo) -> None:
    layout = curves_figure(info).layout
    assert [(band.x0, band.x1) for band in layout.shapes] == [(0.5, 4.5), (4.5, 6.5), (6.5, 9.5)]
    assert [note.text for note in layout.annotations] == [
        "seed<br>500",
        "step 1<br>1.0k",
        "step 2<br>2.0k",
    ]


def test_labels_are_turned_where_a_step_is_narrow_and_left_out_where_it_is_too_narrow(
    data: StudyData,
) -> None:
    seed = replace(data.networks[1], epochs=epochs(40, 0.5))
    networks = [data.networks[0], seed, *data.networks[2:]]
    notes = curves_figure(curves_info(data._replace(networks=networks))).layout.annotations
    assert [(note.text, note.textangle) for note in notes] == [
        ("seed: 500", -90),
        ("step 2: 2.0k", -90),
    ]


def test_losses_of_a_large_span_are_on_a_logarithmic_axis(data: StudyData) -> None:
    assert curves_figure(curves_info(data)).layout.yaxis.type is None
    seed = trained(data.networks[1], loss=11.0)
    networks = [data.networks[0], seed, *data.networks[2:]]
    axis = curves_figure(curves_info(data._replace(networks=networks))).layout.yaxis
    assert axis.type == "log"
    assert {"0.5", "1", "10"} <= set(axis.ticktext)


def test_a_study_without_epochs_has_a_plot_that_says_so(records: StudyRecords) -> None:
    info = curves_info(study_data(records))
    assert info.steps == []
    texts = [note.text for note in curves_figure(info).layout.annotations]
    assert any("no epoch" in text for text in texts)
