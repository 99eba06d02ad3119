"""Measured latencies of a study, by what was measured: all its workers see the same."""

from sqlalchemy import select

from plantnas.records.patience import Patience, patient
from plantnas.records.study import StudyRecords
from plantnas.records.tables import LatencyRow, StudyRow


@patient()
class Latencies:
    """Those of one study.

    Attributes:
        records: The study's.
    """

    def __init__(self, records: StudyRecords) -> None:
        """Reads nothing yet."""
        self.records = records

    @property
    def patience(self) -> Patience:
        """How it waits for a database that is away."""
        return self.records.patience

    def find(self, key: str) -> float | None:
        """Milliseconds that are recorded under a key of at most 64 characters."""
        query = select(LatencyRow.milliseconds).join(StudyRow)
        query = query.where(StudyRow.name == self.records.name, LatencyRow.key == key)
        with self.records.database.transaction() as connection:
            found: float | None = connection.scalar(query)
        return found

    def keep(self, key: str, milliseconds: float) -> float:
        """The same, recorded now unless another worker was first, whose they are then."""
        # The same SQL in both, but two functions.
        from sqlalchemy.dialects import postgresql, sqlite

        is_sqlite = self.records.database.engine.dialect.name == "sqlite"
        insert_into = sqlite.insert if is_sqlite else postgresql.insert
        study = select(StudyRow.id).where(StudyRow.name == self.records.name).scalar_subquery()
        row = {"study_id": study, "key": key, "milliseconds": milliseconds}
        with self.records.database.transaction() as connection:
            connection.execute(insert_into(LatencyRow).values(row).on_conflict_do_nothing())
        kept = self.find(key)
        assert kept is not None
        return kept
