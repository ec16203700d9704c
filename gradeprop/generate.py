"""``nbgrader generate_assignment``, and the button of formgrader, make the release that ``gradeprop release`` makes.

The last preprocessor of ``GenerateAssignment``: what nbgrader made of the notebook has gone to its database by then;
what goes to release/<hw> is ours, byte for byte. What is amiss in the source ends in nbgrader's log, and in no release.
"""

import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbgrader.preprocessors import NbGraderPreprocessor

from gradeprop.course import read_assignment
from gradeprop.errors import CourseError
from gradeprop.paths import Bundle
from gradeprop.records import write_bytes
from gradeprop.release import made, try_import


class WholeRelease(NbGraderPreprocessor):  # type: ignore[misc]
    """Puts the files of a release beside the notebook, and the notebook as ``gradeprop release`` writes it."""

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        """Called once for the notebook.

        Raises:
            CourseError: something in the source is amiss; nbgrader then takes back what it has made.
        """
        bundle = Bundle.find(Path(resources["metadata"]["path"]))
        name, notebook = resources["nbgrader"]["assignment"], resources["nbgrader"]["notebook"]
        files = made(read_assignment(bundle, name), bundle)
        if (file := f"{notebook}.ipynb") not in files:
            raise CourseError(f"the notebook of {name} is {name}.ipynb; another is not released", file)
        with tempfile.TemporaryDirectory() as folder:
            for one, data in files.items():
                write_bytes(data, Path(folder) / one)
            try_import(Path(folder), bundle)
        text = files.pop(file).decode()
        resources.setdefault("outputs", {}).update(files)
        return nbformat.reads(text, as_version=4), resources
