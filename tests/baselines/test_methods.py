"""Names of baselines say what they are."""

import pytest

from plantnas.baselines.methods import (
    CRITERIA,
    DEFAULT_METHODS,
    METHODS,
    Method,
    method_named,
)
from plantnas.errors import ConfigurationError


def test_every_criterion_is_used_in_every_way() -> None:
    pruned = [method for method in METHODS.values() if method.kind == "channel pruning"]
    ways = {
        (each.criterion, each.ranked_globally, each.iterative, each.distilled) for each in pruned
    }
    assert len(pruned) == len(ways) == len(CRITERIA) * 2 * 2 * 2


def test_a_name_says_how_channels_are_removed() -> None:
    assert method_named("group-norm-global-iterative-kd") == Method(
        "group-norm-global-iterative-kd", "channel pruning", "group-norm", True, True, True
    )


def test_methods_are_found_by_their_own_names() -> None:
    assert all(method_named(name).name == name for name in METHODS)


def test_all_default_methods_exist() -> None:
    assert set(DEFAULT_METHODS) <= set(METHODS)
    assert len(set(DEFAULT_METHODS)) == len(DEFAULT_METHODS)


def test_only_fresh_networks_that_learn_labels_do_without_the_teacher() -> None:
    without = {method.name for method in METHODS.values() if not method.uses_teacher}
    assert without == {"scratch", "uniform"}


@pytest.mark.parametrize("name", ["l2", "l1-kd-global", "search", "scratch-iterative", ""])
def test_another_name_is_refused_with_what_is_allowed(name: str) -> None:
    with pytest.raises(ConfigurationError, match=r"is no baseline.*bn-scale") as error:
        method_named(name)
    assert repr(name) in str(error.value)


def test_a_misspelt_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigurationError, match="Did you mean 'scratch-kd'"):
        method_named("scrach-kd")
