"""Whole videos to answers, and answers to tables."""

from stillmotion.prediction.evaluating import answer, evaluate, measure_cost, measure_memory, trace
from stillmotion.prediction.events import Event, EventFinder
from stillmotion.prediction.exporting import Export, export_model
from stillmotion.prediction.inputs import find_inputs
from stillmotion.prediction.live import make_watcher, stream, watch
from stillmotion.prediction.probing import PROBES, probe_motion
from stillmotion.prediction.rows import answer_rows, check_ending, record_rows, write_rows
from stillmotion.prediction.whole import Answer, load_model, predict

__all__ = [
    "PROBES", "Answer", "Event", "EventFinder", "Export", "answer", "answer_rows", "check_ending", "evaluate",
    "export_model", "find_inputs", "load_model", "make_watcher", "measure_cost", "measure_memory", "predict",
    "probe_motion", "record_rows", "stream", "trace", "watch", "write_rows",
]  # fmt: skip
