"""Attacks that git cannot hold: links, pipes, zips of every kind, odd names, sheer size."""

import zipfile
from pathlib import Path


def make_a_zip_whose_names_lead_out(folder: Path) -> Path:
    """A zip with entries named ../record.json, /etc/cron.d/x and C:\\x, to write where the grader looks."""
    # reads "lies outside of the submission"
    # reads "There is nothing in it that could be taken."
    file = folder / "eve.zip"
    with zipfile.ZipFile(file, "w") as archive:
        for name in ("../record.json", "../../ada/record.json", "/etc/cron.d/x", "C:\\x", "a/../../record.json"):
            archive.writestr(name, '{"points": 20}')
    return file
