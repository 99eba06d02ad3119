"""What is thrown at plantnas in tests/borders and benchmarks/fuzz.py, and what may come of it.

A case may end in a result or in one line, and changes no file of anybody's. Cases are drawn by
Hypothesis; how they are tried out is in ground.py.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from hypothesis import strategies as st

STUDY: dict[str, Any] = {
    "search_space": {"architecture": "plain-small", "seed": {"width": 0.25}},
    "data": {"name": "digits", "train": 200, "validation": 100, "views": 1},
    "teacher": {"epochs": 2, "precision": "float32"},
    "seed": {"epochs": 2, "start": "teacher", "learning_rate": 0.02, "betas": [0.9, 0.99]},
    "planting": {"screen_epochs": 1, "epochs": 1, "precision": "float32"},
    "search": {"steps": 1, "probes": 0, "trials_per_step": 2, "sampler": {"arguments": {}}},
    "random_seed": 0,
}

BROKEN_YAML = (
    "a: [1", "a: *b", "a: &a [*a]", "? [a]\n: b", "a: !!int x", "a: !!python/name:os.system x",
    "--- 1\n--- 2", "a: 1\na: 2", "a: \x07", "%YAML 9", "- 1", "3: 4", "'\\ud800': 1", "{" * 500,
    "x: " + "9" * 6000, "\ufeff", "a: !!timestamp x", "a: 0x" + "f" * 99, "<<: 3", "a: !!bool x",
)  # fmt: skip

WORDS = (
    "", "digits", "tiny", "nowhere", "../x", "a/b.yaml", "/dev/null", ".", "--", "-1", "0", "nan",
    "inf", "1e400", "9" * 30, "x" * 300, "a\nb", "\x1b[31m", "\udcff", "évé", "a:b", ":",
    "os:system", "@/dev/null", "cuda:99",
    "math:pi", "{}", "[" * 2000, '{"a": 1e999}', "a=1,a=2", "a=b", "%s", "*", "onnx", "pt2",
    "front", "state-dict", "csv", "networks", "pareto", "l1-kd", "test", "1", "2", "@",
)  # fmt: skip

URLS = (
    "sqlite://", "sqlite:///", "sqlite:////", "sqlite:///nowhere/study.db", "sqlite:///:memory:",
    "sqlite:///file:x?uri=true", "sqlite:///x?mode=memory", "sqlite:///x?timeout=a",
    "sqlite:///.", "sqlite:////dev/null", "mysql://h/x", "nosuch://x",
    "postgresql://h:abc/x", "postgresql://h:99999999/x", "://", "x", "sqlite:///" + "a" * 300,
    "http://x",
    "sqlite:///%00", "sqlite+nosuch:///x", "postgresql+psycopg://[::1/x", "@nowhere", "@/dev/zero",
)  # fmt: skip

READING: dict[str, tuple[str, ...]] = {
    "status": (),
    "report": ("--out",),
    "plot": ("--out", "--split", "--cost", "--network"),
    "table": ("--what", "--format", "--out"),
    "export": (
        *("--format", "--output", "--family", "--max-parameters", "--max-macs", "--network-id"),
        "--widths",
    ),
    "compare": ("--out", "--csv"),
}
"""Commands that write nothing but their outputs, and their options with a value."""

WRITING: dict[str, tuple[str, ...]] = {
    "worker": ("--artifacts", "--device", "--data-root"),
    "finish": ("--network", "--max-parameters", "--epochs", "--learning-rate"),
    "baselines": ("--methods", "--targets", "--repetitions", "--rates"),
    "db upgrade": (),
    "db clean": (),
}
"""Commands that go on with a study: they are asked of databases that are none of theirs alone."""

odd = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.integers(-2, 3),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(WORDS),
    st.lists(st.integers(-1, 2), max_size=3),
    st.dictionaries(st.text(max_size=3), st.integers(0, 1), max_size=2),
)
"""Values that a setting or a row of a table may not be ready for."""


@dataclass(frozen=True)
class Case:
    """Something that a user might do.

    Attributes:
        kind: `study`, `command`, `rows`, `bytes`, `checkpoint`, `family` or `image`.
        words: Of a command; the first of `study` is what its file says.
        changes: Of a file or database: where, and what is put there.
    """

    kind: str
    words: tuple[str, ...] = ()
    changes: tuple[tuple[int, int], ...] = ()
    row: tuple[str, str, Any] | None = None


def _keys(tree: dict[str, Any], prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, value in tree.items():
        yield (*prefix, key)
        if isinstance(value, dict):
            yield from _keys(value, (*prefix, key))


@st.composite
def study_files(draw: st.DrawFn) -> Case:
    """A study file with some values that are odd, or that is no YAML."""
    if draw(st.integers(0, 3)) == 0:
        return Case("study", (draw(st.sampled_from(BROKEN_YAML) | st.text(max_size=40)),))
    tree = json.loads(json.dumps(STUDY))
    for path in draw(st.lists(st.sampled_from(list(_keys(STUDY))), min_size=1, max_size=3)):
        branch = tree
        for key in path[:-1]:
            branch = branch[key] if isinstance(branch.get(key), dict) else {}
        name = draw(st.sampled_from([path[-1], path[-1], "nowhere"]))
        branch[name] = draw(odd)
    return Case("study", (yaml.safe_dump(tree, allow_unicode=True),))


@st.composite
def commands(draw: st.DrawFn) -> Case:
    """A command line with odd words; what is in capitals stands for a database of `Ground`."""
    if draw(st.integers(0, 4)) == 0:
        first = draw(
            st.sampled_from(["groups", "run", "studies", "launch", "db", "nosuch", "plot"])
        )
        words = draw(st.lists(st.sampled_from(WORDS), max_size=3))
        return Case("command", (first, *(word for word in words if word not in SHIPPED)))
    place = draw(st.sampled_from(["STUDY", *FOREIGN, "URL"]))
    name = draw(st.sampled_from([*READING, *(WRITING if place != "STUDY" else ())]))
    words = [*name.split()]
    if name == "plot":
        words.append(draw(st.sampled_from(["pareto", "curves", "widths", "cost", "nosuch"])))
    words.append(draw(st.sampled_from(["tiny", "tiny", "tiny", *WORDS])))
    for option in draw(
        st.lists(st.sampled_from((READING | WRITING)[name] or ("--force",)), max_size=3)
    ):
        words += [option] if option == "--force" else [option, draw(st.sampled_from(WORDS))]
    where = draw(st.sampled_from(URLS)) if place == "URL" else place
    return Case("command", (*words, "--storage", where))


@st.composite
def damaged(draw: st.DrawFn, kind: str) -> Case:
    """A file with some bytes changed; near its ends, or anywhere; or cut off."""
    place = st.integers(-2000, 2000) | st.integers(0, 10**6)
    changes = draw(st.lists(st.tuples(place, st.integers(-1, 255)), min_size=1, max_size=30))
    words = ()
    if kind == "bytes":
        words = (draw(st.sampled_from(["status", "report", "table", "export", "compare"])),)
    return Case(kind, words, tuple(changes))


@st.composite
def rows(draw: st.DrawFn) -> Case:
    """A database in which some value of a table of ours or Optuna's is odd, and who reads it."""
    name = draw(st.sampled_from(["status", "report", "table", "export", "compare"]))
    table, column = draw(st.sampled_from(COLUMNS))
    value = draw(odd)
    if isinstance(value, list | dict) or draw(st.booleans()) is None:
        value = json.dumps(value)
    return Case("rows", (name,), (), (table, column, value))


COLUMNS = [
    *(
        ("plantnas_studies", name)
        for name in ("configuration", "artifacts", "versions", "hardware")
    ),
    *(("plantnas_studies", name) for name in ("created", "configuration_hash", "optuna_study_id")),
    *(("plantnas_networks", name) for name in ("method", "kind", "step", "parameters", "macs")),
    *(("plantnas_networks", name) for name in ("widths", "planted", "parent_id", "artifact_id")),
    *(("plantnas_networks", name) for name in ("sha256", "trial_number", "created")),
    *(("plantnas_evaluations", name) for name in ("split", "accuracy", "loss", "images")),
    *(("plantnas_epochs", name) for name in ("epoch", "learning_rate", "validation_accuracy")),
    *(("trials", name) for name in ("number", "state", "datetime_start", "datetime_complete")),
    *(("trial_values", name) for name in ("objective", "value", "value_type")),
    *(("trial_params", name) for name in ("param_value", "distribution_json")),
    *(("trial_user_attributes", "value_json"), ("study_user_attributes", "value_json")),
    *(("trial_system_attributes", "value_json"), ("studies", "study_name")),
    ("study_directions", "direction"),
]

SHIPPED = ("digits",)
"""Names that would begin a study."""

FOREIGN = ("OPTUNA", "OTHER", "EMPTY", "TEXT", "FOLDER")
"""Databases of others, and what is none."""

ALL = st.one_of(
    study_files(),
    commands(),
    commands(),
    rows(),
    *map(damaged, ("bytes", "checkpoint", "family", "image", "numbers")),
)
