"""Values stand together under their keys, in order."""

from plantnas.grouping import flat, grouped


def test_keys_are_in_the_order_of_their_first_values_and_values_in_their_own() -> None:
    groups = grouped([("b", 3), ("a", 2), ("b", 1)])
    assert list(groups.items()) == [("b", [3, 1]), ("a", [2])]


def test_nothing_has_no_groups() -> None:
    assert grouped([]) == {}


def test_nested_mappings_are_told_by_dotted_keys() -> None:
    assert flat({"a": {"b": 1, "c": {}}, "d": [2]}) == {"a.b": 1, "a.c": {}, "d": [2]}
