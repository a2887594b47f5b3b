"""Whole videos to answers, and answers to tables."""

from stillmotion.prediction.evaluating import (
    evaluate,
    measure_cost,
    measure_memory,
    predict_labelled,
    predict_over_time,
)
from stillmotion.prediction.events import Event, EventDetector
from stillmotion.prediction.exporting import Export, export_model
from stillmotion.prediction.inputs import find_inputs
from stillmotion.prediction.live import load_clip_model, stream, stream_updates
from stillmotion.prediction.perturbations import PERTURBATIONS, evaluate_perturbed
from stillmotion.prediction.tables import check_ending, evaluation_rows, prediction_rows, write_rows
from stillmotion.prediction.videos import VideoPrediction, load_model, predict

__all__ = [
    "PERTURBATIONS",
    "Event",
    "EventDetector",
    "Export",
    "VideoPrediction",
    "check_ending",
    "evaluate",
    "evaluate_perturbed",
    "evaluation_rows",
    "export_model",
    "find_inputs",
    "load_clip_model",
    "load_model",
    "measure_cost",
    "measure_memory",
    "predict",
    "predict_labelled",
    "predict_over_time",
    "prediction_rows",
    "stream",
    "stream_updates",
    "write_rows",
]
