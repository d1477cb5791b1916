"""A short run of gate_model.py: the same worlds, fewer of them, the model alone."""
import gate_model
import pytest


@pytest.mark.parametrize("sizes, days, missing, min_rows", [
    ((1, 2, 3, 20), 20, (), 1),
    ((40, 50, 60), 32, (9, 10, 11, 20), 40),
])
def test_verdicts_are_those_of_the_model(tmp_path, sizes, days, missing, min_rows):
    tally = gate_model.Tally()
    gate_model.run_warned(tmp_path, 20, sizes, days, 60, min_rows, tally, missing)
    assert tally.unexplained == []
    assert tally.verdicts >= 60 * 19


def test_decisions_make_history_as_the_model_says(tmp_path):
    tally = gate_model.Tally()
    gate_model.run_decided(tmp_path, 5, 16, tally, {5, 6, *range(9, 13)})
    assert tally.unexplained == []
