"""Tables are read back from their text and files as what they were, and what cannot be is said."""

import io
import json
import math
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import optuna
import pandas as pd
import pytest
from optuna.trial import TrialState, create_trial

from plantnas.errors import ConfigurationError, StorageError
from plantnas.measured import Epoch, Evaluation
from plantnas.records.database import Database
from plantnas.records.record import BaselineRun
from plantnas.records.study import StudyRecords
from plantnas.report.frames.files import checked_format, table_text, write_table
from plantnas.report.names import FORMATS, FRAMES
from tests.report.conftest import network, study_record

FRAME = pd.DataFrame(
    {
        "network_id": pd.Series([1, None], dtype="Int64"),
        "method": ["l1, twice", None],
        "loss": [0.1 + 0.2, math.nan],
        "worst_loss": [math.inf, -math.inf],
        "uses_teacher": [True, False],
        "created": pd.to_datetime(["2026-01-02T03:04:05.000006Z", None], utc=True).as_unit("us"),
    }
)

NOW = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
SEED = replace(
    network("seed", 4782, 0.1 + 0.2, step=0),
    evaluations=(Evaluation("validation", 0.1 + 0.2, 0.5, 100, {"f1": 0.1 + 0.2}),),
    epochs=(Epoch(1, 0.01, math.nan, 0.8, 0.6, 1.5),),
    created=NOW,
)
RUN = BaselineRun(1, repetition=0, learning_rate=0.1, budget_epochs=12, uses_teacher=True)
BASELINE = replace(SEED, method="l1-kd", kind="baseline", baseline=RUN)
TRIAL = create_trial(state=TrialState.FAIL, user_attrs={"kind": "grow", "reason": "a, b"})
TRIAL.datetime_complete = TRIAL.datetime_start + timedelta(seconds=2)


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    """By name, those of a study that has rows for each of them."""
    url = f"sqlite:///{tmp_path_factory.mktemp('study')}/study.db"
    optuna.create_study(study_name="digits", storage=url).add_trials([TRIAL, TRIAL])
    database = Database(url)
    database.add_study(study_record("digits"))
    for record in (SEED, BASELINE):
        StudyRecords(database, "digits").add(record)
    return {what: FRAMES.find(what)(database, "digits") for what in FRAMES}


def test_json_is_a_list_of_objects_with_iso_moments_and_null() -> None:
    assert json.loads(table_text(FRAME, "json")) == [
        {
            "network_id": 1,
            "method": "l1, twice",
            "loss": 0.30000000000000004,
            "worst_loss": None,
            "uses_teacher": True,
            "created": "2026-01-02T03:04:05.000006+00:00",
        },
        {
            "network_id": None,
            "method": None,
            "loss": None,
            "worst_loss": None,
            "uses_teacher": False,
            "created": None,
        },
    ]


def test_json_has_a_line_for_each_row() -> None:
    first, *rows, last = table_text(FRAME, "json").splitlines()
    assert (first, last) == ("[", "]")
    assert len(rows) == 2


def test_csv_has_a_line_of_names_and_leaves_out_what_is_missing() -> None:
    assert table_text(FRAME, "csv") == (
        "network_id,method,loss,worst_loss,uses_teacher,created\n"
        '1,"l1, twice",0.30000000000000004,inf,True,2026-01-02 03:04:05.000006+00:00\n'
        ",,,-inf,False,\n"
    )


def test_a_frame_without_rows_is_an_empty_list_in_json() -> None:
    assert json.loads(table_text(FRAME.head(0), "json")) == []


def test_parquet_is_refused_as_text() -> None:
    with pytest.raises(ConfigurationError, match="'parquet': is not text, so it needs a file"):
        table_text(FRAME, "parquet")


@pytest.mark.parametrize("what", list(FRAMES))
def test_parquet_keeps_values_and_types(
    frames: dict[str, pd.DataFrame], tmp_path: Path, what: str
) -> None:
    frame = frames[what]
    assert not frame.empty
    write_table(frame, tmp_path / "table.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "table.parquet"), frame)


@pytest.mark.parametrize("what", list(FRAMES))
def test_parquet_keeps_the_types_of_a_table_without_rows(
    frames: dict[str, pd.DataFrame], tmp_path: Path, what: str
) -> None:
    frame = frames[what].head(0)
    write_table(frame, tmp_path / "table.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "table.parquet"), frame)


@pytest.mark.parametrize("what", list(FRAMES))
def test_csv_holds_every_value(frames: dict[str, pd.DataFrame], what: str) -> None:
    frame = frames[what]
    text = table_text(frame, "csv")
    read = pd.read_csv(io.StringIO(text))
    for column in frame.select_dtypes("datetime"):
        read[column] = pd.to_datetime(read[column], utc=True)
    pd.testing.assert_frame_equal(read.astype(frame.dtypes.to_dict()), frame)


@pytest.mark.parametrize("name", ["csv", "json"])
def test_a_file_of_text_is_the_text(tmp_path: Path, name: str) -> None:
    write_table(FRAME, tmp_path / "table", name)
    assert (tmp_path / "table").read_text() == table_text(FRAME, name)


def test_a_file_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "table.csv").mkdir()
    with pytest.raises(StorageError, match=r"table.csv: cannot be written"):
        write_table(FRAME, tmp_path / "table.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]


# What is asked for


def test_a_frame_is_found_by_its_name() -> None:
    assert FRAMES.find("trials") is FRAMES.find("trials")


def test_an_unknown_table_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(
        ConfigurationError, match=r"table: 'network' is unknown. Did you mean 'networks'\?"
    ):
        FRAMES.find("network")


def test_an_unknown_format_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(
        ConfigurationError, match=r"format: 'jsn' is unknown. Did you mean 'json'\?"
    ):
        checked_format("jsn", None)


@pytest.mark.parametrize("name", list(FORMATS))
def test_the_ending_of_the_file_says_the_format(name: str) -> None:
    assert checked_format(None, Path(f"networks.{name}")) == name


def test_a_format_may_be_the_users_own(folder: Path) -> None:
    (folder / "of_mine.py").write_text("def rows(frame): return str(len(frame)).encode()")
    write_table(FRAME, folder / "rows.txt", "of_mine:rows")
    assert (folder / "rows.txt").read_text() == str(len(FRAME))


def test_an_ending_that_is_no_format_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"format: 'xlsx' is unknown. Allowed: csv, json"):
        checked_format(None, Path("networks.xlsx"))


def test_a_named_format_goes_before_the_ending() -> None:
    assert checked_format("json", Path("networks.txt")) == "json"


def test_text_is_csv_unless_told() -> None:
    assert checked_format(None, None) == "csv"


def test_parquet_without_a_file_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="needs a file: --out FILE"):
        checked_format("parquet", None)


def test_parquet_without_pyarrow_is_refused_with_the_extra_that_has_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)  # importing it fails
    with pytest.raises(
        ConfigurationError, match=r"pyarrow is not installed: pip install 'plantnas\[parquet\]"
    ):
        checked_format("parquet", Path("networks.parquet"))
