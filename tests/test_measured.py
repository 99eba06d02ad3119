"""How what a study maximises is shown."""

import pytest

from plantnas.measured import ACCURACY, Evaluation, Metric


@pytest.mark.parametrize(
    ("name", "title", "text"),
    [
        ("accuracy", "accuracy (%)", "91.25 %"),
        ("balanced_accuracy", "balanced accuracy (%)", "91.25 %"),
        ("map", "mAP", "0.9125"),
        ("of_mine:top_five", "top five", "0.9125"),
    ],
)
def test_a_metric_is_shown_in_words_and_its_unit(name: str, title: str, text: str) -> None:
    assert (Metric(name).title, Metric(name).text(0.9125)) == (title, text)


def test_a_difference_has_its_sign_and_the_metrics_scale() -> None:
    assert (ACCURACY.gain(-0.0125), ACCURACY.gain(0.5)) == ("-1.25", "+50.00")
    assert Metric("r2").gain(0.0125) == "+0.0125"


def test_a_metric_is_known_by_its_words() -> None:
    assert Metric.said(Metric("r2").words) == Metric("r2")


def test_an_evaluation_knows_what_was_maximised() -> None:
    values = {"f1": 0.5, "accuracy": 0.75}
    assert Evaluation("test", 0.5, 1.0, 10, values).metric == Metric("f1")


def test_one_from_before_metrics_were_kept_is_of_accuracy() -> None:
    assert Evaluation("test", 0.5, 1.0, 10).metric == Metric("accuracy")
