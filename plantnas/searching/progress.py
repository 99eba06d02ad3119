"""How far a study has come, as data, as a table, and as bars that move. Nothing here prints."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import optuna
from optuna.trial import FrozenTrial, TrialState
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from plantnas.channels.costs import shown_cost, title_of
from plantnas.config import StudyConfig
from plantnas.errors import Say
from plantnas.grouping import grouped
from plantnas.listening import time_left
from plantnas.measured import ACCURACY, Metric
from plantnas.records.optuna_tables import EPOCHS_SAVED_KEY, KIND_KEY, VALIDATION
from plantnas.searching.bars import TrainingBars
from plantnas.trials.assignments import assignment_of
from plantnas.trials.policies import settings_of


@dataclass(frozen=True)
class StepProgress:
    """How far a step has come.

    Attributes:
        step: Its number, from 1.
        probed: Finished probes.
        screened: Finished screening trials.
        stopped: Those of them that were stopped early.
        epochs_saved: Epochs that these were not trained for.
        grown: Finished growing trials.
        rejected: Proposals that were not trained.
        failed: Trials that failed; their work is assigned again.
        running: Trials that run now.
        best: The grown trial of the highest validation accuracy, or whatever is maximised, or the
            best screened one.
    """

    step: int
    probed: int
    screened: int
    stopped: int
    epochs_saved: int
    grown: int
    rejected: int
    failed: int
    running: int
    best: FrozenTrial | None


def progress(trials: Sequence[FrozenTrial]) -> list[StepProgress]:
    """How far each step that has begun has come, by all trials of the study."""
    by_step = grouped(
        (assignment.step, trial)
        for trial in trials
        if (assignment := assignment_of(trial)) is not None
    )
    steps = list[StepProgress]()
    for number, trials in sorted(by_step.items()):
        states = [trial.state for trial in trials]
        complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
        grown = [trial for trial in complete if trial.user_attrs.get(KIND_KEY) == "grow"]
        probed = [trial for trial in complete if trial.user_attrs.get(KIND_KEY) == "probe"]
        others = ("grow", "probe")
        screened = [trial for trial in complete if trial.user_attrs.get(KIND_KEY) not in others]
        saved = [trial.user_attrs.get(EPOCHS_SAVED_KEY, 0) for trial in complete]
        step = StepProgress(
            step=number,
            probed=len(probed),
            screened=len(screened),
            stopped=sum(epochs > 0 for epochs in saved),
            epochs_saved=sum(saved),
            grown=len(grown),
            rejected=states.count(TrialState.PRUNED),
            failed=states.count(TrialState.FAIL),
            running=states.count(TrialState.RUNNING),
            best=max(grown or screened, key=lambda trial: trial.values[0], default=None),
        )
        steps.append(step)
    return steps


def progress_table(
    steps: Sequence[StepProgress], metric: Metric = ACCURACY, cost: str = "parameters"
) -> Table:
    """A row a step; with what probes and early stopping did, if there was any.

    Args:
        steps: How far each has come.
        metric: What the study maximises.
        cost: The name of what it trades that for.
    """
    table = Table(title="Steps", title_justify="left")
    with_stopped = any(step.stopped for step in steps)
    stopping = ("stopped early", "epochs saved") if with_stopped else ()
    with_probes = any(step.probed for step in steps)
    probing = ("probed",) if with_probes else ()
    others = ("grown", "not trained", "failed", "running")
    for column in ("step", *probing, "screened", *stopping, *others):
        table.add_column(column, justify="right")
    table.add_column(f"best validation {metric.words}", justify="right")
    table.add_column(title_of(cost), justify="right")
    for step in steps:
        stopped = (step.stopped, step.epochs_saved) if with_stopped else ()
        probed = (step.probed,) if with_probes else ()
        rest = (step.grown, step.rejected, step.failed, step.running)
        counts = (step.step, *probed, step.screened, *stopped, *rest)
        table.add_row(*map(str, counts), *_best(step, metric))
    return table


class ProgressBars:
    """A bar for each step, measured in epochs, and for each training, with loss and time left."""

    def __init__(self, bars: Progress, config: StudyConfig) -> None:
        """Adds a bar for each step to `bars`."""
        self.say = plainly(bars.console)
        self.callbacks = (self.ended,)
        self._planting, self._screen_epochs = config.planting, config.screen_epochs
        self._wanted = config.search.trials_per_step
        has_probes = "probes" in settings_of(config.search.policy)  # or else none are made
        self._probes = config.search.probes if has_probes else 0
        self._cost_title = title_of(config.search.cost)
        self._bars = bars
        self._tasks = [
            bars.add_task(
                f"step {step}", visible=False, total=self._total(step), trials="", left=""
            )
            for step in range(1, config.search.steps + 1)
        ]
        self._started: dict[int, tuple[float, int]] = {}
        self._trainings = TrainingBars(bars)
        self.told = self._trainings.told

    def ended(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """The bar of a trial's training goes, which may have been stopped early or have failed."""
        self._trainings.forget(trial.number)

    def show(self, study: optuna.Study) -> list[StepProgress]:
        """Shows the bars, and moves them to where the study is, which is returned."""
        for task in self._tasks:
            self._bars.update(task, visible=True)
        steps = progress(study.get_trials(deepcopy=False))
        metric = maximised(study)
        for step in steps:
            if step.step > len(self._tasks):
                continue
            done = total = self._total(step.step)
            are_all_in = step.screened >= self._wanted and step.grown > 0 and step.running == 0
            is_last = step.step == len(self._tasks)
            if not (steps[-1].step > step.step or (is_last and are_all_in)):
                screened = min(step.screened, self._wanted) * self._screen_epochs
                grown = step.grown * self._planting.growing_epochs(step.step)
                # Spares may have been grown before the winner is known: full at the end only.
                done = min(screened + grown, total - 1)
            value, cost = _best(step, metric)
            probed = f"{step.probed}/{self._probes} probed, " if self._probes else ""
            best = f", best {value} with {cost} {self._cost_title}" if step.best else ""
            self._bars.update(
                self._tasks[step.step - 1],
                completed=done,
                trials=f"{probed}{step.screened}/{self._wanted} screened, {step.grown} grown{best}",
                left=self._left(step.step, done),
            )
        self._trainings.draw()
        return steps

    def _total(self, step: int) -> int:
        screening = self._wanted * self._screen_epochs
        return screening + self._planting.growing_epochs(step)

    def _left(self, step: int, done: int) -> str:
        """Time left of the step, at the speed since it was first seen."""
        if done == self._total(step):
            return ""
        now = time.monotonic()
        start, done_before = self._started.setdefault(step, (now, done))
        if done == done_before:
            return ""
        return time_left((now - start) / (done - done_before) * (self._total(step) - done))


def plainly(console: Console) -> Say:
    """Says lines on a console as they are, however long."""

    def say(line: str) -> None:
        console.print(line, soft_wrap=True, markup=False, highlight=False)

    return say


def maximised(study: optuna.Study) -> Metric:
    """What a study maximises, by the name of its trials' first value."""
    names = study.metric_names
    return Metric.said(names[0].removeprefix(VALIDATION)) if names else ACCURACY


def _best(reached: StepProgress, metric: Metric) -> tuple[str, str]:
    if reached.best is None:
        return "", ""
    value, cost = reached.best.values
    return metric.text(value), shown_cost(cost)
