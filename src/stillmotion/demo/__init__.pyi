from .folders import make_demo_data
from .labels import LABELS, Kind
from .line_folders import make_anomaly_data

__all__ = ["LABELS", "Kind", "make_anomaly_data", "make_demo_data"]
