"""What reading a study as pandas frames costs: the seconds of each frame of a large study.

A database in a temporary folder gets a made-up study: each network has 6 widths, 2 evaluations, 2
epochs, 2 phases and a complete trial of Optuna; a tenth of the networks are baselines of the first
one, and as many trials were refused or failed. Each frame is read with its own connection, as
the command line does, and the fastest of `--repeats` readings counts. The last line is the sum.

Usage: python benchmarks/frames.py [--networks 20000] [--repeats 3] [--storage URL]
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import optuna
from sqlalchemy import Connection, column, insert, table

from plantnas.records.database import Database
from plantnas.records.record import StudyRecord
from plantnas.records.tables import (
    BaselineRow,
    EpochRow,
    EvaluationRow,
    NetworkRow,
    PhaseRow,
    Table,
    WidthRow,
)
from plantnas.report.frames.files import FRAMES

STUDY = "made-up"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
GROUPS = [f"features.{number}" for number in range(6)]
A_TENTH = 10
"""Of so many networks one is a baseline, and for so many there is a trial without a network."""

Row = dict[str, Any]
Rows = Iterator[Row]


def of_networks(networks: int) -> dict[type[Table], Callable[[int], list[Row]]]:
    """By table, what makes the rows of a network from its id."""
    return {
        WidthRow: lambda _: [
            {"group_name": group, "position": position, "width": 8 + position, "planted": position}
            for position, group in enumerate(GROUPS)
        ],
        EvaluationRow: lambda network_id: [
            {"split": split, "accuracy": network_id / networks, "loss": 0.5, "images": 1000}
            for split in ("validation", "test")
        ],
        EpochRow: lambda network_id: [
            {
                "epoch": epoch,
                "learning_rate": 0.01,
                "training_loss": 1 / network_id,
                "validation_loss": 1 / network_id,
                "validation_accuracy": network_id / networks,
                "seconds": 1.5,
            }
            for epoch in (1, 2)
        ],
        PhaseRow: lambda _: [
            {"phase": phase, "seconds": 3.5} for phase in ("training", "evaluation")
        ],
        BaselineRow: lambda network_id: [
            {
                "target_id": 1,
                "repetition": network_id,
                "learning_rate": 0.01,
                "budget_epochs": 12,
                "uses_teacher": True,
            }
            for _ in range(network_id % A_TENTH == 0)
        ],
    }


def network_row(network_id: int) -> Row:
    """A network of the trial of its number."""
    return {
        "id": network_id,
        "study_id": 1,
        "method": "planting",
        "kind": "screen" if network_id % 5 else "grow",
        "trial_number": network_id - 1,
        "parent_id": network_id // 2 or None,
        "step": 1 + network_id % 4,
        "parameters": 1000 + network_id,
        "macs": 100_000 + network_id,
        "created": NOW,
    }


def add_networks(database: Database, networks: int) -> None:
    """The study and its networks with all that belongs to them."""
    database.add_study(StudyRecord(STUDY, None, {}, "", "weights", {}, {}, NOW))
    ids = range(1, networks + 1)
    with database.engine.begin() as connection:
        connection.execute(insert(NetworkRow), [network_row(network_id) for network_id in ids])
        for rows_table, rows_of in of_networks(networks).items():
            rows = [
                {"network_id": network_id, **row}
                for network_id in ids
                for row in rows_of(network_id)
            ]
            connection.execute(insert(rows_table), rows)


def add_trials(connection: Connection, networks: int, trials: int) -> None:
    """Optuna's trials with attributes, parameters and values, as a search leaves them."""
    numbers = range(trials)
    add(connection, "trials", (trial_row(number, networks) for number in numbers))
    for name, rows_of in {
        "trial_user_attributes": user_attributes,
        "trial_params": parameter_rows,
        "trial_values": value_rows,
    }.items():
        rows = (row for number in numbers for row in rows_of(number, networks))
        add(connection, name, ({"trial_id": row.pop("number") + 1, **row} for row in rows))


def add(connection: Connection, name: str, rows: Rows) -> None:
    """Rows, all of the same columns, of a table of Optuna's."""
    listed = list(rows)
    connection.execute(insert(table(name, *map(column, listed[0]))), listed)


def trial_row(number: int, networks: int) -> Row:
    """A trial that took 5 seconds; those without a network failed or were refused."""
    start = NOW.replace(tzinfo=None) + timedelta(seconds=10 * number)
    state = "COMPLETE" if number < networks else ("PRUNED", "FAIL")[number % 2]
    return {
        "trial_id": number + 1,
        "number": number,
        "study_id": 1,
        "state": state,
        "datetime_start": str(start),
        "datetime_complete": str(start + timedelta(seconds=5)),
    }


def user_attributes(number: int, networks: int) -> Rows:
    """What a search writes to a trial; the last ones of trials with a network only."""
    shown: Row = {
        "worker": "host:1234:5678",
        "kind": "screen" if (number + 1) % 5 else "grow",
        "step": 1 + (number + 1) % 4,
        "parent": (number + 1) // 2 - 1 if number else "seed",
        "parameters": 1001 + number,
        "planting": json.dumps(dict.fromkeys(GROUPS, 4)),
    }
    if number < networks:
        shown |= {
            "network": number + 1,
            "macs": 100_000,
            "widths": json.dumps(dict.fromkeys(GROUPS, 16)),
            "validation_loss": 0.5,
            "seconds_training": 3.5,
            "seconds_evaluation": 0.5,
        }
    else:
        shown["reason"] = "3000 parameters are not between 1000 and 2000"
    for key, value in shown.items():
        yield {"number": number, "key": key, "value_json": json.dumps(value)}


def parameter_rows(number: int, networks: int) -> Rows:
    """The sampler's proposal, one integer a group."""
    distribution = json.dumps(
        {"name": "IntDistribution", "attributes": {"log": False, "step": 1, "low": 0, "high": 64}}
    )
    for group in GROUPS:
        yield {
            "number": number,
            "param_name": group,
            "param_value": 4.0,
            "distribution_json": distribution,
        }


def value_rows(number: int, networks: int) -> Rows:
    """Accuracy and parameters of a complete trial."""
    if number < networks:
        for objective, value in enumerate((number / networks, 1001.0 + number)):
            yield {
                "number": number,
                "objective": objective,
                "value": value,
                "value_type": "FINITE",
            }


def make_study(url: str, networks: int) -> None:
    """The made-up study in a database without any."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    optuna.create_study(storage=url, study_name=STUDY, directions=["maximize", "minimize"])
    database = Database(url)
    add_networks(database, networks)
    with database.engine.begin() as connection:
        add_trials(connection, networks, networks + networks // A_TENTH)
    database.close()


def seconds_of(frame_of: Callable[[str, str], object], url: str, repeats: int) -> float:
    """Of the fastest reading, with opening the database."""

    def once() -> float:
        start = time.perf_counter()
        frame_of(url, STUDY)
        return time.perf_counter() - start

    return min(once() for _ in range(repeats))


def main() -> None:
    """Prints a line for each frame; the last one is their sum in seconds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--storage", help="an empty database; by default a new SQLite file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = arguments.storage or f"sqlite:///{folder}/study.db"
        make_study(url, arguments.networks)
        total = 0.0
        for what, frame_of in FRAMES.items():
            seconds = seconds_of(frame_of, url, arguments.repeats)
            total += seconds
            print(f"{what:12} {len(frame_of(url, STUDY)):8} rows {seconds:8.2f} s")
    print(f"{'total':12} {'':13} {total:8.2f} s")


if __name__ == "__main__":
    main()
