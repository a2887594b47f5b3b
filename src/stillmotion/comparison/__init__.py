"""Stored predictions in; metrics, paired statistics and the verdict out. No Keras, no plots."""

from stillmotion.comparison.choosing import Example, examples
from stillmotion.comparison.comparing import compare, decide_on_tables, kind_of
from stillmotion.comparison.evidence import Evidence, Moment, Steadiness, Tampered, gather_evidence
from stillmotion.comparison.folds import join_folds
from stillmotion.comparison.gains import LabelGain, PairGain
from stillmotion.comparison.metrics import Figure, LabelFigures, Metrics, confusion, measure
from stillmotion.comparison.predictions import Predictions, align, read_predictions, read_seeds
from stillmotion.comparison.recommending import Recommendation, recommend
from stillmotion.comparison.records import Comparison, FamilyFigures, read_comparison, write_comparison
from stillmotion.comparison.showing import Course, Given, ShownVideo, show_videos
from stillmotion.comparison.verdict import Contrast, Verdict, decide, decide_among, temper

__all__ = [
    "Comparison",
    "Contrast",
    "Course",
    "Evidence",
    "Example",
    "FamilyFigures",
    "Figure",
    "Given",
    "LabelFigures",
    "LabelGain",
    "Metrics",
    "Moment",
    "PairGain",
    "Predictions",
    "Recommendation",
    "ShownVideo",
    "Steadiness",
    "Tampered",
    "Verdict",
    "align",
    "compare",
    "confusion",
    "decide",
    "decide_among",
    "decide_on_tables",
    "examples",
    "gather_evidence",
    "join_folds",
    "kind_of",
    "measure",
    "read_comparison",
    "read_predictions",
    "read_seeds",
    "recommend",
    "show_videos",
    "temper",
    "write_comparison",
]
