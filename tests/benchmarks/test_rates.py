"""How much a learning rate gives away against the best of its cell."""

from benchmarks.rates import Cell, Row, regrets


def test_the_best_rate_of_a_cell_has_no_regret() -> None:
    narrow, wide = (Cell("fitted", fraction, 1, 0.25, 0) for fraction in (0.1, 0.2))
    rows = [
        Row(narrow, 0.01, 0.6, 80.0, 100, 1.0),
        Row(narrow, 0.02, 0.5, 81.0, 100, 1.0),
        Row(wide, 0.01, 0.2, 88.0, 400, 1.0),
        Row(wide, 0.02, 0.3, 87.0, 400, 1.0),
    ]
    _, of_narrow, of_wide = regrets(rows, [0.01, 0.02])
    assert of_narrow.split()[-2:] == ["20", "0"]
    assert of_wide.split()[-2:] == ["0", "50"]
