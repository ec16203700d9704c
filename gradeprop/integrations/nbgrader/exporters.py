"""Exporters for ``nbgrader export``: the same files as ``gradeprop export``."""

from pathlib import Path
from typing import Any

from nbgrader.plugins import ExportPlugin
from traitlets import Bool, Dict, Unicode

from gradeprop.core.errors import GradepropError
from gradeprop.core.paths import CoursePaths
from gradeprop.integrations.lms.export import Export, ExportOptions, held
from gradeprop.integrations.lms.platforms import BLACKBOARD, CANVAS, MOODLE, Platform
from gradeprop.results import gradebook_db, gradebook_scores


class _Plugin(ExportPlugin):  # type: ignore[misc]
    """Base of the exporters of ``nbgrader export``; they write the same files as ``gradeprop export``."""

    platform: Platform
    roster = Unicode("", help="the file that the platform exported").tag(config=True)
    questions = Bool(False, help="a column for each question, too").tag(config=True)
    titles = Dict(help="what the platform calls an assignment, by its name here").tag(config=True)

    def export(self, book: Any) -> None:
        """Write the file that ``--to`` names."""
        try:
            course = CoursePaths.find(Path(self.parent.coursedir.root))
            found = gradebook_scores.sheets(
                book.db, [str(name) for name in self.assignment], gradebook_db.hide_password(str(book.engine.url))
            )
            chosen = {str(name) for name in self.student}
            everyone = {one.student for sheet in found for one in sheet.scores}
            wish = ExportOptions(
                self.platform,
                Path(self.roster) if self.roster else None,
                self.questions,
                dict(self.titles),
                left_out=frozenset(everyone - chosen) if chosen else frozenset(),
                to=Path(self.to) if self.to else None,
            )
            export = Export(course, wish, found)
            for note in (*export.notes, *held(export)):
                self.log.warning(note)
            self.log.info("Exported grades to %s", export.write())
        except GradepropError as error:
            raise SystemExit(f"Error: {error}") from error


class Canvas(_Plugin):
    """For Canvas."""

    platform = CANVAS


class Moodle(_Plugin):
    """For Moodle."""

    platform = MOODLE


class Blackboard(_Plugin):
    """For Blackboard."""

    platform = BLACKBOARD
