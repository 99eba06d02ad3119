"""Names of baselines say what they are, and the user's own are found beside them."""

from pathlib import Path

import pytest

from plantnas.baselines.methods import Method, default_methods, method_named, methods
from plantnas.baselines.methods.channel_pruning import CRITERIA
from plantnas.errors import ConfigurationError

OWN = """
from plantnas.baselines.methods import Method

small = Method("small", lambda order: None, distilled=False)
scratch = Method("scratch", lambda order: None)
planting = Method("planting", lambda order: None)
finish = Method("finish", lambda order: None)

def make(order):
    return None
"""


def test_every_criterion_is_used_in_every_way() -> None:
    names = {
        f"{criterion}{whole}{iterative}{learnt_by}"
        for criterion in CRITERIA
        for whole in ("", "-global")
        for iterative in ("", "-iterative")
        for learnt_by in ("", "-kd")
    }
    assert len(names) == 48
    others = {"scratch", "scratch-kd", "uniform", "uniform-kd", "unfrozen-kd", "search-kd"}
    made = {"reconstruct-kd", "finish", "family", "slimmable-kd"}
    assert set(methods()) == names | others | made


def test_methods_are_found_by_their_own_names() -> None:
    assert all(method_named(name).name == name for name in methods())


def test_the_default_methods_are_seventeen() -> None:
    assert set(default_methods()) == {
        *(f"{criterion}-kd" for criterion in CRITERIA),
        *("l1", "bn-scale-global-kd", "group-norm-global-kd", "group-norm-global-iterative-kd"),
        *("taylor-iterative-kd", "scratch", "scratch-kd", "uniform-kd", "unfrozen-kd", "search-kd"),
        "reconstruct-kd",
    }
    assert len(default_methods()) == 17


def test_only_fresh_networks_that_learn_labels_do_without_the_teacher() -> None:
    found = [method_named(name) for name in methods()]
    without = {each.name for each in found if isinstance(each, Method) and not each.uses_teacher}
    assert without == {"scratch", "uniform"}


def test_what_learns_by_distillation_ends_in_kd() -> None:
    found = [method_named(name) for name in methods()]
    single = [each for each in found if isinstance(each, Method) and each.kind == "baseline"]
    assert all(each.distilled == each.name.endswith("-kd") for each in single)


@pytest.mark.parametrize("name", ["l2", "l1-kd-global", "search", "scratch-iterative", ""])
def test_another_name_is_refused_with_what_is_allowed(name: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^methods: ") as error:
        method_named(name)
    assert f"{name!r} is unknown. " in str(error.value)
    assert "Did you mean '" in str(error.value) or "Allowed: bn-scale, " in str(error.value)


def test_a_misspelt_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigurationError, match="Did you mean 'scratch-kd'"):
        method_named("scrach-kd")


def test_a_method_of_the_users_says_its_own_name(folder: Path) -> None:
    (folder / "of_mine.py").write_text(OWN)
    method = method_named("of_mine:small")
    assert isinstance(method, Method)
    assert (method.name, method.uses_teacher) == ("small", False)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("scratch", "'of_mine:scratch' calls itself 'scratch', which is taken"),
        ("planting", "'of_mine:planting' calls itself 'planting', which is taken"),
        ("finish", "'of_mine:finish' calls itself 'finish', which is taken"),
        ("make", r"'of_mine:make' is not a plantnas\.baselines\.methods\.Method\."),
    ],
)
def test_what_is_no_method_of_its_own_is_refused(folder: Path, name: str, message: str) -> None:
    (folder / "of_mine.py").write_text(OWN)
    with pytest.raises(ConfigurationError, match=f"^methods: {message}"):
        method_named(f"of_mine:{name}")
