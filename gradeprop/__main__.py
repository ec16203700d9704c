"""``python -m gradeprop``: the command ``gradeprop``, for a Python whose scripts are not on the search path."""

from gradeprop.cli.main import main

main(prog_name="gradeprop")
