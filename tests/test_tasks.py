"""What a study learns, as its file says it."""

import pytest

from plantnas.errors import ConfigurationError
from plantnas.tasks import Data, Distillation


def test_the_task_and_the_loss_follow_from_the_data_unless_they_are_said() -> None:
    assert (Data(name="digits").task, Distillation().loss) == (None, None)


def test_a_task_that_there_is_not_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="'ranking' is not allowed"):
        Data(name="digits", task="ranking")  # type: ignore[arg-type]
