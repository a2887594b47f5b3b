"""Predict an archive of many files side by side, into a folder of Parquet files that grows as the work goes on.

The public names are listed in `__init__.pyi` and loaded when first used, so importing the package imports no backend.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
