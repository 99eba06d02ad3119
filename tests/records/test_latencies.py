"""What one worker measured, all find."""

from plantnas.records.database import Database
from plantnas.records.latencies import Latencies
from plantnas.records.study import StudyRecords
from tests.records.conftest import ON_BOTH


@ON_BOTH
def test_who_is_first_is_right(database: Database, records: StudyRecords) -> None:
    ours, theirs = Latencies(records), Latencies(StudyRecords(database, records.name))
    assert ours.find("a") is None
    assert ours.keep("a", 1.5) == 1.5
    assert theirs.keep("a", 9.0) == 1.5
    assert theirs.find("a") == 1.5
    assert theirs.find("b") is None
