"""The table of costs, and what one of the user's own may return."""

import math

import pytest

from plantnas.channels.costs import COSTS, COUNTED, cost_of, title_of
from plantnas.channels.groups import analyse
from plantnas.errors import ConfigurationError, PlantingError
from tests.structures import structure_of


@pytest.mark.parametrize("name", COUNTED)
def test_costs_refuse_widths_that_the_model_cannot_have(grouped, name):
    with pytest.raises(PlantingError, match="only multiples of 3 from 6"):
        COSTS.find(name)(grouped.structure, {"stem.0": 4})


def test_an_unknown_cost_is_refused_with_the_nearest_and_what_a_users_own_must_be():
    with pytest.raises(ConfigurationError, match=r"'mac' is unknown. Did you mean 'macs'"):
        COSTS.check("mac")
    with pytest.raises(ConfigurationError, match=r"a function of \(structure, widths\)"):
        COSTS.check("mac")


def test_the_structure_at_other_widths_is_that_of_the_network_there(network, planted):
    _, images, structure = network
    child, widths = planted
    assert structure.with_widths(widths) == analyse(child, images)


@pytest.mark.parametrize("value", [math.nan, math.inf, 0, -3, "'7'", "None", "(1, 2)"])
def test_a_users_cost_that_is_no_positive_number_is_told_in_a_line(value, tmp_path, monkeypatch):
    name = f"cost_{abs(hash(value))}"
    (tmp_path / f"{name}.py").write_text(
        f"from math import inf, nan\ndef of(structure, widths): return {value}"
    )
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        ConfigurationError, match=rf"^search.cost: '{name}:of' returned .*\.$"
    ) as told:
        cost_of(f"{name}:of")(structure_of(), {})
    assert "\n" not in str(told.value)


def test_a_cost_has_a_title_and_one_of_the_users_its_name():
    assert {title_of(name) for name in COSTS} >= {"parameters", "bytes of weights in float16"}
    assert title_of("nowhere:cost") == "nowhere:cost"
