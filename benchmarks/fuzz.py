"""Throws odd files, options, URLs and databases at plantnas, for as long as it is told to.

    python -m benchmarks.fuzz --minutes 5

The cases are those of tests/borders. Printed last: how many there were, the tracebacks, the wrong
exit codes, and the changed files of others, which should all be 0.
"""

import argparse
import os
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.borders.cases import ALL, STUDY, Case
from tests.borders.ground import Ground

KINDS = ("traceback", "exit code", "foreign file")
WORDS = ("tracebacks", "wrong exit codes", "changed foreign files")


def main() -> None:
    """Draws cases until the time is over."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**32)
    asked = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with TemporaryDirectory(prefix="plantnas-fuzz-") as folder:
        ground = Ground(Path(folder, "ground"), finished_study(Path(folder)))
        counts, end, round_ = Counter[str](), time.monotonic() + 60 * asked.minutes, asked.seed
        while time.monotonic() < end:
            throw(ground, round_, counts, end)
            round_ += 1
    shown = Counter[tuple[str, str]]()
    for what in KINDS:
        for message, case in ground.found.get(what, []):
            shown[what, message[:90]] += 1
            if shown[what, message[:90]] == 1:
                print(f"{what}: {message}\n    {str(case)[:600]}")
    print(f"seed {asked.seed}; cases of each kind: {dict(counts)}")
    print(f"cases: {counts.total()}")
    for what, words in zip(
        KINDS, ("tracebacks", "wrong exit codes", "changed foreign files"), strict=False
    ):
        print(f"{words}: {len(ground.found.get(what, []))}")


def finished_study(folder: Path) -> Path:
    """The folder of a small study, after its last trial."""
    from plantnas.config_files import load_study
    from plantnas.workers.run import run_study

    (folder / "tiny.yaml").write_text(yaml.safe_dump(STUDY))
    (folder / "ground").mkdir()
    study = folder / "study"
    run_study(load_study(str(folder / "tiny.yaml")), f"sqlite:///{study}/study.db", study)
    return study


def throw(ground: Ground, number: int, counts: Counter[str], end: float) -> None:
    """A few hundred cases, of a seed of their own."""

    @seed(number)
    @settings(
        max_examples=300, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(ALL)
    def every(case: Case) -> None:
        if time.monotonic() < end:
            counts[case.kind] += 1
            ground.check(case)

    every()


if __name__ == "__main__":
    main()
