"""Where a simulated user clicks."""

import numpy as np

from sam2_demo.core.prompts import Point
from sam2_demo.evaluation.protocols.simulated_user import next_click


def test_first_click_is_positive_in_the_middle_of_the_object() -> None:
    truth = np.zeros((40, 60), dtype=bool)
    truth[10:21, 30:41] = True
    assert next_click(np.zeros_like(truth), truth) == Point(35.0, 15.0, True)


def test_click_falls_into_the_larger_error() -> None:
    truth, predicted = np.zeros((40, 60), dtype=bool), np.zeros((40, 60), dtype=bool)
    truth[0:5, 0:5] = True  # missing
    predicted[20:31, 40:51] = True  # too much, and more of it
    assert next_click(predicted, truth) == Point(45.0, 25.0, False)
    predicted[20:31, 40:51] = False
    assert next_click(predicted, truth) == Point(2.0, 2.0, True)
    assert next_click(truth, truth) is None
