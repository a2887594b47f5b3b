"""Why a model predicts differently on a video than on a snapshot; each fault is a module in `faults/`.

The public names are listed in `__init__.pyi` and loaded when first used, so importing the package imports no backend.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
