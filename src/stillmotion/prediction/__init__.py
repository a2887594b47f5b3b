"""Whole videos to answers, and answers to tables."""

from stillmotion.prediction.evaluating import evaluate, measure_cost, trace
from stillmotion.prediction.inputs import find_inputs
from stillmotion.prediction.rows import answer_rows, check_ending, record_rows, write_rows
from stillmotion.prediction.whole import Answer, load_model, predict

__all__ = [
    "Answer", "answer_rows", "check_ending", "evaluate", "find_inputs", "load_model", "measure_cost", "predict",
    "record_rows", "trace", "write_rows",
]  # fmt: skip
