"""What a file or a database names is imported only if the user has said it too."""

import os
from pathlib import Path

import pytest

from plantnas.config import StudyConfig
from plantnas.config_files import load_study
from plantnas.errors import ConfigurationError
from plantnas.named import Table
from plantnas.named_keys import code_names
from plantnas.networks import code_of
from plantnas.search_space import SearchSpace
from plantnas.trust import ANY, VARIABLE, check_trusted, found, trust, trust_if_new, trusted

RULES = Table("rule", {"sum": sum}, "a function of numbers")


def refusal(name: str) -> str:
    with pytest.raises(ConfigurationError) as error:
        RULES.find(name)
    return str(error.value)


def test_what_nobody_else_has_named_is_imported() -> None:
    assert RULES.find("math:fsum")([1, 2]) == 3
    assert trusted() == {}


def test_what_a_file_names_is_refused_with_the_ways_to_trust_it() -> None:
    found(["math:fsum"], "a.pt")
    assert refusal("math:fsum") == (
        "rule: 'math:fsum' would run code that a.pt names, not you. If you trust it, say so: "
        "--trust, trust=True, PLANTNAS_TRUST=math:fsum, or the study's YAML file in place of its "
        "name."
    )


@pytest.mark.parametrize("said", ["math:fsum", ANY])
def test_what_the_user_says_too_is_imported(said: str) -> None:
    found(["math:fsum"], "a.pt")
    trust([said])
    assert RULES.find("math:fsum")([1]) == 1


def test_one_name_is_not_another() -> None:
    found(["math:fsum", "math:prod"], "a.pt")
    trust(["math:prod"])
    assert "math:fsum" in refusal("math:fsum")


def test_what_is_passed_on_is_the_users_unless_a_file_said_it_first() -> None:
    trust_if_new(["mine:first"])
    found(["mine:first", "mine:second"], "a.pt")
    trust_if_new(["mine:second"])
    check_trusted("mine:first", "rule")
    with pytest.raises(ConfigurationError, match="mine:second"):
        check_trusted("mine:second", "rule")


def test_processes_that_are_started_trust_what_this_one_does() -> None:
    trust(["mine:first"])
    trust(["mine:second", "mine:first"])
    assert trusted() == {VARIABLE: "mine:first mine:second"}
    assert os.environ[VARIABLE] == "mine:first mine:second"


def test_a_study_file_is_the_users(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        "search_space: {architecture: 'mine:net'}\ndata: {name: 'mine:read'}\n"
    )
    load_study(str(tmp_path / "mine.yaml"))
    assert set(trusted()[VARIABLE].split()) == {"mine:net", "mine:read"}


def test_shipped_names_need_no_trust() -> None:
    assert code_names(load_study("digits")) == []
    assert trusted() == {}


def test_all_names_that_run_code_of_others_need_trust() -> None:
    config = StudyConfig.model_validate(
        {
            "name": "x",
            "search_space": {"architecture": "a:b"},
            "data": {"name": "c:d"},
            "seed": {"start": "e:f"},
            "search": {"sampler": {"name": "hub:samplers/x"}, "winner": "g:h"},
        }
    )
    names = {"a:b", "c:d", "e:f", "hub:samplers/x", "g:h"}
    assert set(code_names(config)) == names


@pytest.mark.parametrize(
    ("architecture", "arguments", "needs"),
    [
        ("timm/resnet18", {}, False),
        ("timm/resnet18", {"pretrained": False}, False),
        ("timm/resnet18", {"checkpoint_path": "/tmp/x"}, True),
        ("torchvision/resnet18", {"weights": "DEFAULT"}, True),
        ("torch.hub:load", {}, True),
        ("plain", {}, False),
    ],
)
def test_architectures_of_libraries_need_trust_only_where_they_load_files(
    architecture: str, arguments: dict[str, object], needs: bool
) -> None:
    space = SearchSpace(architecture=architecture, arguments=arguments)
    assert code_of(space) == ([architecture] if needs else [])
