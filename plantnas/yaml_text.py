"""YAML text to plain values, strictly: what YAML allows and no settings need is refused.

That is keys that are there twice, values that are no text, number, list or mapping, and text that
stands for far more than it says. What the values mean is in config_files.py.
"""

import re
from typing import Any, NamedTuple

import yaml

from plantnas.errors import ConfigurationError, shown, shown_key

MOST_CHARACTERS = 2**18
"""Of a file; the largest that ships has a thousand. The parser takes a second for so many."""

MOST_VALUES = 10_000
"""That a text stands for, where each alias is what it names once more."""

DEEPEST = 30
"""Lists and mappings in one another."""

TOO_DEEP = f"is nested more than {DEEPEST} levels deep."

LONGEST_NUMBER = 40
"""Characters of a number."""

_TAG = "tag:yaml.org,2002:"
_MERGE, _TEXT = f"{_TAG}merge", f"{_TAG}str"
_NUMBERS = {f"{_TAG}int", f"{_TAG}float"}
_PLAIN = {_TEXT, *_NUMBERS, *(f"{_TAG}{kind}" for kind in ("bool", "null", "seq", "map"))}
_NO_CHARACTER = re.compile("[\0-\x08\x0b-\x1f\x7f\ud800-\udfff]")


class _Loader(yaml.SafeLoader):
    """YAML 1.1 as PyYAML has it, with 1e-3 as a number, as in YAML 1.2, and without dates."""

    yaml_implicit_resolvers = {  # noqa: RUF012  # PyYAML's name
        first: [each for each in resolvers if not each[0].endswith(":timestamp")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """The value of a node; one that its tag does not fit is told with its line."""
        try:
            return super().construct_object(node, deep)
        except (LookupError, ValueError, ArithmeticError) as error:
            kind = node.tag.rpartition(":")[2]
            raise ConfigurationError(
                f"line {_line(node)}: {shown(node.value)} is no {kind}."
            ) from error


_Loader.add_implicit_resolver(
    f"{_TAG}float",
    re.compile(r"[-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)[eE][-+]?[0-9]+$"),
    list("-+.0123456789"),
)


def parsed(text: str) -> Any:
    """What a YAML document says, in dicts, lists, strings, numbers, booleans and None.

    Raises:
        ConfigurationError: It is not valid YAML, or is refused, in one line with the line's number.
    """
    if len(text) > MOST_CHARACTERS:
        raise ConfigurationError(f"has {len(text)} characters, of at most {MOST_CHARACTERS}.")
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _Checker().extent(node, "")
        return loader.construct_document(node)
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise ConfigurationError(f"is not valid YAML: {reason}.") from error
    except RecursionError as error:
        raise ConfigurationError(TOO_DEEP) from error


class _Extent(NamedTuple):
    """How much a node stands for."""

    values: int
    depth: int


class _Checker:
    """Looks at each node of a document once, however often aliases name it."""

    def __init__(self) -> None:
        self._known = dict[int, _Extent | None]()

    def extent(self, node: yaml.Node, key: str) -> _Extent:
        """How much a node stands for, at the dotted key.

        Raises:
            ConfigurationError: It, or what it holds, is refused.
        """
        if id(node) in self._known:
            known = self._known[id(node)]
            if known is None:
                raise ConfigurationError(f"line {_line(node)}: {key}: holds itself.")
            return known
        if node.tag not in _PLAIN:
            raise ConfigurationError(
                f"line {_line(node)}: {shown(node.tag)} is no kind of value that settings have."
            )
        self._known[id(node)] = None
        parts = [self.extent(part, place) for part, place in self._parts(node, key)]
        extent = _Extent(
            1 + sum(part.values for part in parts),
            1 + max((part.depth for part in parts), default=0),
        )
        if extent.values > MOST_VALUES:
            raise ConfigurationError(
                f"line {_line(node)}: stands for more than {MOST_VALUES} values."
            )
        if extent.depth > DEEPEST:
            raise ConfigurationError(TOO_DEEP)
        self._known[id(node)] = extent
        return extent

    def _parts(self, node: yaml.Node, key: str) -> list[tuple[yaml.Node, str]]:
        """What a node holds, each with its dotted key."""
        if isinstance(node, yaml.MappingNode):
            lines = dict[str, int]()
            parts = list[tuple[yaml.Node, str]]()
            for key_node, value in node.value:
                name = _name(key_node)
                place = f"{key}.{name}".removeprefix(".")
                if name in lines:
                    raise ConfigurationError(
                        f"{shown_key(place)}: is there twice, in lines {lines[name]} and "
                        f"{_line(key_node)}."
                    )
                lines[name] = _line(key_node)
                parts.append((value, place))
            return parts
        if isinstance(node, yaml.SequenceNode):
            return [(part, f"{key}.{place}") for place, part in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode):
            _check_scalar(node)
        return []


def _name(node: yaml.Node) -> str:
    """A key that is a word, or `<<`."""
    if not isinstance(node, yaml.ScalarNode) or node.tag not in (_TEXT, _MERGE):
        said = shown(node.value) if isinstance(node, yaml.ScalarNode) else "a list or mapping"
        raise ConfigurationError(
            f"line {_line(node)}: {said} is no key: keys are words, or in quotes."
        )
    _check_characters(node)
    name: str = node.value
    return name


def _check_scalar(scalar: yaml.ScalarNode) -> None:
    if scalar.tag in _NUMBERS and len(scalar.value) > LONGEST_NUMBER:
        raise ConfigurationError(
            f"line {_line(scalar)}: a number of {len(scalar.value)} characters, of at most "
            f"{LONGEST_NUMBER}."
        )
    _check_characters(scalar)


def _check_characters(scalar: yaml.ScalarNode) -> None:
    if (found := _NO_CHARACTER.search(scalar.value)) is not None:
        raise ConfigurationError(
            f"line {_line(scalar)}: has the character U+{ord(found[0]):04X}, which is not printed."
        )


def _line(node: yaml.Node) -> int:
    line: int = node.start_mark.line + 1
    return line
