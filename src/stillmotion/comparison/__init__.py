"""Stored predictions in; metrics, paired statistics and the verdict out. No Keras, no plots."""

from stillmotion.comparison.choosing import Example, examples
from stillmotion.comparison.comparing import compare, kind_of
from stillmotion.comparison.metrics import Figure, LabelFigures, Metrics, confusion, measure
from stillmotion.comparison.predictions import Predictions, align, read_predictions
from stillmotion.comparison.records import Comparison, FamilyFigures, read_comparison, write_comparison
from stillmotion.comparison.verdict import Verdict, decide

__all__ = [
    "Comparison",
    "Example",
    "FamilyFigures",
    "Figure",
    "LabelFigures",
    "Metrics",
    "Predictions",
    "Verdict",
    "align",
    "compare",
    "confusion",
    "decide",
    "examples",
    "kind_of",
    "measure",
    "read_comparison",
    "read_predictions",
    "write_comparison",
]
