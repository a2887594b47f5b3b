"""`python -m stillmotion`, where the script is not on the path."""

from stillmotion.cli import main

main()
