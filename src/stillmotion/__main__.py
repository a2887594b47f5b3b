"""The command line: `stillmotion` and `python -m stillmotion`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line. Ctrl-C while it is still being imported ends it like at any other time."""
    try:
        from stillmotion.cli import main as run
    except KeyboardInterrupt:
        sys.exit(130)
    run()


if __name__ == "__main__":
    main()
