"""Objects stand behind names in the process that handed them over, and in no other."""

from __future__ import annotations

import pytest

from plantnas import handed
from plantnas.errors import ConfigurationError
from plantnas.named import Table

TABLE = Table[object]("search.cost", {"parameters": len}, "a function")


def test_a_table_finds_what_was_handed_over() -> None:
    name = handed.hand_over("two", lambda: 2)
    TABLE.check(name)
    assert not TABLE.runs_code(name)
    found: object = TABLE.find(name)
    assert callable(found)
    assert found() == 2


def test_in_another_process_the_name_stands_for_nothing() -> None:
    with pytest.raises(ConfigurationError, match=r"^search\.cost: 'handed/none' is an object that"):
        TABLE.find("handed/none")


def test_only_objects_of_this_process_are_listed() -> None:
    name = handed.hand_over("three", 3)
    assert handed.handed_things([name, "handed/none", "parameters"]) == {name: 3}
