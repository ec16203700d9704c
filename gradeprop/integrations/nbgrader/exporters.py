"""Plugins for ``nbgrader export`` that write the same files as ``gradeprop export``."""

from pathlib import Path
from typing import Any

from nbgrader.plugins import ExportPlugin
from traitlets import Bool, Dict, Float, Unicode

from gradeprop.core.errors import GradepropError
from gradeprop.core.paths import CoursePaths
from gradeprop.integrations.lms.columns import ExportOptions
from gradeprop.integrations.lms.export import build_export
from gradeprop.integrations.lms.platforms import BLACKBOARD, BRIGHTSPACE, CANVAS, GENERIC, MOODLE, Platform
from gradeprop.results import gradebook_db, gradebook_scores
from gradeprop.results.score import AssignmentScores


class _PlatformExporter(ExportPlugin):  # type: ignore[misc]
    """The common part of the plugins; nbgrader requires classes."""

    platform: Platform
    roster = Unicode("", help="the file that the platform exported").tag(config=True)
    questions = Bool(False, help="add a column for each question").tag(config=True)
    titles = Dict(help="the platform's titles of assignments, by their names here").tag(config=True)
    out_of = Float(None, allow_none=True, help="the maximum points to scale to").tag(config=True)
    new_columns = Bool(False, help="add columns that the roster does not have").tag(config=True)
    id_column = Unicode("", help="the column of the roster that identifies students").tag(config=True)

    def export(self, book: Any) -> None:
        """Write the file that ``--to`` names.

        Raises:
            SystemExit: the file could not be built or written; the text says why.
        """
        try:
            course = CoursePaths.find(Path(self.parent.coursedir.root))
            names = [str(name) for name in self.assignment]
            where = gradebook_db.hide_password(str(book.engine.url))
            scores = gradebook_scores.read_session(book.db, names, where, gradebook_scores.policies_of(course))
            export = build_export(course, self._options(scores), scores)
            for warning in export.warnings:
                self.log.warning(warning)
            self.log.info("Exported grades to %s", export.write())
        except GradepropError as error:
            raise SystemExit(f"Error: {error}") from error

    def _options(self, scores: list[AssignmentScores]) -> ExportOptions:
        chosen = {str(name) for name in self.student}
        everyone = {score.student for one in scores for score in one.scores}
        return ExportOptions(
            self.platform,
            Path(self.roster) if self.roster else None,
            self.questions,
            dict(self.titles),
            left_out=frozenset(everyone - chosen) if chosen else frozenset(),
            to=Path(self.to) if self.to else None,
            out_of=self.out_of,
            new_columns=self.new_columns,
            id_column=self.id_column,
        )


class Canvas(_PlatformExporter):
    """The plugin for Canvas."""

    platform = CANVAS


class Moodle(_PlatformExporter):
    """The plugin for Moodle."""

    platform = MOODLE


class Blackboard(_PlatformExporter):
    """The plugin for Blackboard."""

    platform = BLACKBOARD


class Brightspace(_PlatformExporter):
    """The plugin for Brightspace."""

    platform = BRIGHTSPACE


class Csv(_PlatformExporter):
    """The plugin for any other platform that reads a CSV file."""

    platform = GENERIC
