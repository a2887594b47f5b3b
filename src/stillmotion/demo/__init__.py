"""Rendered videos of a small production line whose labels are known to be right, for demos and tests."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "folders": ["make_demo_data"],
        "labels": ["LABELS", "Kind"],
        "line_folders": ["make_anomaly_data"],
    },
)
