from .folders import make_demo_data
from .labels import LABELS, Kind

__all__ = ["LABELS", "Kind", "make_demo_data"]
