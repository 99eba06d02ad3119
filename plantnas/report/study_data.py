"""All that is recorded of a study, read once, for plots and pages. Nothing here draws."""

from typing import NamedTuple

from optuna.trial import FrozenTrial

from plantnas.channels.costs import title_of
from plantnas.records.optuna_trials import trials_of
from plantnas.records.record import NetworkRecord, StudyRecord
from plantnas.records.study import StudyRecords
from plantnas.report.front import teacher_of


class StudyData(NamedTuple):
    """What a study has recorded so far.

    Attributes:
        study: What it was asked, and what it runs on.
        networks: All of them, oldest first.
        trials: Optuna's, by number; none if Optuna does not know the study any more.
    """

    study: StudyRecord
    networks: list[NetworkRecord]
    trials: list[FrozenTrial]

    @property
    def name(self) -> str:
        """The study's name."""
        return self.study.name

    @property
    def cost_name(self) -> str:
        """The cost that it trades accuracy for."""
        return self.study.cost_name

    @property
    def cost_title(self) -> str:
        """What its costs are."""
        return title_of(self.cost_name)

    @property
    def teacher(self) -> NetworkRecord | None:
        """The teacher, once it is trained."""
        return teacher_of(self.networks)


def study_data(records: StudyRecords) -> StudyData:
    """What a study has recorded so far.

    Raises:
        StudyError: There is no such study.
        StorageError: The database cannot be read.
    """
    return StudyData(records.record, records.networks(), optuna_trials(records) or [])


def optuna_trials(records: StudyRecords) -> list[FrozenTrial] | None:
    """The trials of a study by number, or None if Optuna has no study of that name."""
    with records.database.transaction() as connection:
        return trials_of(connection, records.name)
