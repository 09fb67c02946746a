"""``python -m bustapi``: the command line."""

from .cli import main

main()
