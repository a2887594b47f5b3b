"""Does your video need motion? The public names are listed in `__init__.pyi`, and loaded when first used."""

import lazy_loader

_load, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version

        return version("stillmotion")
    return _load(name)
