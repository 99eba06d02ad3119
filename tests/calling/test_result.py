"""What a search has found is there as tables, modules, plots and files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

import plantnas
from plantnas import handed, load_family
from plantnas.calling.result import SearchResult
from plantnas.calling.search import search
from plantnas.errors import DataError, PlantnasError
from tests.calling.conftest import QUICK, Net, net, pair

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Ended


def test_the_front_is_sorted_by_size_and_rises_in_accuracy(searched: SearchResult) -> None:
    front = searched.front
    assert front["parameters"].is_monotonic_increasing
    assert front["validation_accuracy"].is_monotonic_increasing
    assert front["test_accuracy"].notna().all()
    assert front["share"].max() <= 1


def test_the_best_network_has_the_accuracy_of_its_record(searched: SearchResult) -> None:
    network, record = searched.best()
    images, targets = pair(32, 64)
    right = network(searched.inputs(images)).argmax(1) == targets
    evaluation = record.evaluation_on("validation")
    assert evaluation is not None
    assert right.float().mean().item() == pytest.approx(evaluation.accuracy)


def test_the_best_network_is_within_the_limit(searched: SearchResult) -> None:
    smallest = int(searched.networks["parameters"].min())
    assert searched.best(maximum_parameters=smallest).record.parameters == smallest
    assert searched.best(maximum_cost=smallest).record.parameters == smallest
    with pytest.raises(PlantnasError, match="no network is within these limits"):
        searched.best(maximum_parameters=1)


def test_images_are_taken_as_they_were_handed_over(searched: SearchResult) -> None:
    floats, _ = pair(4)
    assert torch.equal(searched.inputs(floats), floats)
    with pytest.raises(DataError, match=r"^images: are uint8, the study's are not\."):
        searched.inputs((255 * floats).to(torch.uint8))
    with pytest.raises(
        DataError, match=r"^images: are of shape \[1, 5, 6\], the study's \[1, 6, 6\]"
    ):
        searched.inputs(floats[:, :, 1:])


def test_a_notebook_shows_the_front_and_its_plot(searched: SearchResult) -> None:
    shown = searched._repr_html_()
    assert "validation_accuracy" in shown
    assert "plotly" in shown
    assert str(len(searched.networks)) in shown


def test_printed_it_has_all_columns_of_the_front(searched: SearchResult) -> None:
    said, header, _, *rows = str(searched).splitlines()
    assert said.startswith(f"{searched.name}: ")
    assert repr(searched).endswith(said.removeprefix(searched.name))
    assert header.split() == list(searched.front.columns)
    assert len(rows) == len(searched.front)
    assert all(row.endswith("%") for row in rows)


def test_in_a_line_it_says_what_it_found(searched: SearchResult) -> None:
    assert repr(searched).startswith("SearchResult('sqlite:///")
    assert repr(searched).count("\n") == 0


def test_files_are_written_and_replaced(searched: SearchResult, tmp_path: Path) -> None:
    for _ in range(2):
        family = searched.family(tmp_path / "family.safetensors")
        exported = searched.export(tmp_path / "network.pt")
        report = searched.report(tmp_path / "report.html")
    assert all(path.exists() for path in (family, exported, report))
    assert searched.plot("lineage").data
    assert len(searched.optuna.trials) > 0


def test_commands_that_read_need_no_object_and_others_say_that_they_do(
    searched: SearchResult, plantnas: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handed, "_things", {})  # as in another process
    place = ("small", "--storage", searched.storage)
    for command in (("status",), ("table",), ("plot", "pareto")):
        assert plantnas(*command, *place).exit_code == 0
    ended = plantnas("export", *place)
    assert ended.exit_code == 2
    assert "is an object that plantnas.search was given in another process" in ended.stderr


def test_another_process_loads_networks_by_a_model_of_any_weights(
    searched: SearchResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = searched.best().network.state_dict()
    monkeypatch.setattr(handed, "_things", {})
    with pytest.raises(PlantnasError, match="was given in another process"):
        searched.best()
    result = plantnas.SearchResult(searched.storage, "small", net(5))
    loaded = result.best().network.state_dict()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in expected.items())
    with pytest.raises(PlantnasError, match=r"^model: is a int, where"):
        SearchResult(searched.storage, "small", 3)


def test_networks_are_finished_in_this_process(
    compared: SearchResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    said, heard = list[str](), list[plantnas.TrainingProgress]()
    network, record = compared.finish(
        maximum_parameters=10**6, epochs=1, say=said.append, epoch_callbacks=[heard.append]
    )
    assert record.kind == "finish"
    assert [(each.kind, each.epoch, each.epochs) for each in heard] == [("finish", 1, 1)]
    assert sum(each.numel() for each in network.parameters()) == record.parameters
    assert said[-1].startswith(f"Network {record.id}: widths ")
    again = compared.finish(maximum_parameters=10**6, epochs=1, say=said.append)
    assert again.record == record
    monkeypatch.setattr(handed, "_things", {})  # as in another process
    with pytest.raises(PlantnasError, match="was given in another process"):
        compared.finish(maximum_parameters=10**6, epochs=3, say=said.append)


def test_a_lineage_is_finished_as_a_family(compared: SearchResult) -> None:
    grown = int(compared.networks.query("kind == 'grow'")["id"].iloc[0])
    seed, last = compared.finish_family(grown, epochs=1, say=lambda line: None)
    assert seed.record.step == 0
    assert last.record.parent_id == seed.record.id


def test_baselines_need_test_images_and_names_in_a_list_and_finishing_none(
    compared: SearchResult, tmp_path: Path
) -> None:
    with pytest.raises(PlantnasError, match=r"^methods: is 'scratch', where a list of names"):
        compared.baselines("scratch")
    with pytest.raises(PlantnasError, match=r"^methods: 'scrach' is unknown"):
        compared.baselines(["scrach"])
    untested = search(net(), pair(64), pair(32, 64), directory=tmp_path, **QUICK)
    assert untested.finish(2, epochs=1, say=lambda line: None).record.kind == "finish"
    with pytest.raises(PlantnasError, match="no test images were handed over"):
        untested.baselines(["scratch"])


def test_a_family_is_read_elsewhere_with_the_model_of_any_weights(
    compared: SearchResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = compared.family(tmp_path / "family.safetensors")
    expected = load_family(path).state_dict()
    monkeypatch.setattr(handed, "_things", {})
    with pytest.raises(PlantnasError, match=r"plantnas\.load_family\(path, model=\.\.\.\)\.$"):
        load_family(path)
    for model in (net(7), Net, lambda: Net(16)):
        loaded = load_family(path, model=model).state_dict()
        assert all(torch.equal(loaded[name], tensor) for name, tensor in expected.items())
