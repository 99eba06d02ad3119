"""Tables say what the records say."""

import json
from dataclasses import replace

import torch
from rich.table import Table

from plantnas.channels.groups import analyse
from plantnas.channels.planting import plant
from plantnas.networks.loader import build_network
from plantnas.records.record import NetworkRecord
from plantnas.report.terminal import cost_table, front_table, groups_json, groups_table


def rows_of(table: Table) -> list[tuple[str, ...]]:
    return list(zip(*(map(str, column.cells) for column in table.columns), strict=True))


def headers_of(table: Table) -> list[str]:
    return [str(column.header) for column in table.columns]


def test_the_front_is_shown_by_size_with_its_costs(networks: list[NetworkRecord]) -> None:
    assert rows_of(front_table(networks)) == [
        ("2", "seed", "0", "4 8", "500", "1.0", "5,000", "60.00", ""),
        ("4", "planting", "1", "4 8", "1,000", "2.0", "10,000", "70.00", ""),
        ("6", "planting", "2", "4 8", "2,000", "4.0", "20,000", "80.00", ""),
        ("1", "teacher", "", "4 8", "50,000", "100.0", "500,000", "95.00", ""),
    ]


def test_seed_and_teacher_are_shown_even_if_they_are_dominated(
    networks: list[NetworkRecord],
) -> None:
    better = [network for network in networks if network.id in (1, 2, 6)]
    ids = [row[0] for row in rows_of(front_table([*better, networks[3]]))]
    assert ids == ["2", "4", "6", "1"]


def test_the_cost_is_summed_by_step_and_kind(networks: list[NetworkRecord]) -> None:
    assert rows_of(cost_table(networks)) == [
        ("teacher", "1", "2.5", "2.50"),
        ("seed", "1", "2.5", "2.50"),
        ("step 1, screen", "1", "2.5", "2.50"),
        ("step 1, grow", "2", "5.0", "2.50"),
        ("step 2, grow", "1", "2.5", "2.50"),
    ]


def test_the_cost_of_baselines_is_summed_by_method(networks: list[NetworkRecord]) -> None:
    kinds = {"method": "l1-kd", "kind": "baseline", "step": 1}
    baselines = [replace(networks[3], **kinds), replace(networks[5], **kinds)]
    assert rows_of(cost_table(baselines)) == [("l1-kd", "2", "5.0", "2.50")]


def test_a_study_that_has_only_begun_has_tables() -> None:
    assert rows_of(front_table([])) == []
    assert rows_of(cost_table([])) == []


def test_a_group_tells_what_one_more_granule_costs() -> None:
    network, example = build_network("plain-small", 10, 1), torch.zeros(2, 1, 8, 8)
    structure = analyse(network, example)
    table = groups_table(structure)
    assert headers_of(table)[-3:] == ["+ parameters", "+ MACs", "grows"]
    for name, _, _, _, parameters, macs, grows in rows_of(table):
        if grows != "yes":
            assert grows.startswith("no: ")
            continue
        wider = plant(network, example, {name: 1}, torch.Generator())
        more = sum(p.numel() for p in wider.parameters()) - structure.parameters()
        assert parameters == f"{more:,}"
        after = analyse(wider, example)
        assert macs == f"{after.macs() - structure.macs():,}"


def test_the_groups_as_json_say_what_the_table_says() -> None:
    network, example = build_network("plain-small", 10, 1), torch.zeros(2, 1, 8, 8)
    structure = analyse(network, example)
    rows = [
        (
            row["group"],
            str(row["width"]),
            str(row["granularity"]),
            str(len(row["members"])),
            "" if row["parameters"] is None else f"{row['parameters']:,}",
            "" if row["macs"] is None else f"{row['macs']:,}",
            f"no: {row['frozen']}" if row["frozen"] else "yes",
        )
        for row in json.loads(groups_json(structure))
    ]
    assert rows == rows_of(groups_table(structure))


def test_inputs_of_unknown_origin_are_no_rows() -> None:
    class Joined(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = torch.nn.Conv2d(3, 4, 1), torch.nn.Conv2d(7, 5, 1)
            self.last = torch.nn.Conv2d(5, 2, 1)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            some = torch.cat([self.first(images), images[:, [2, 1, 0]]], 1)
            return self.last(self.second(some))

    network = Joined()
    structure = analyse(network, torch.zeros(1, 3, 4, 4))
    names = [row[0] for row in rows_of(groups_table(structure))]
    assert names == ["input", "first", "second", "last"]
