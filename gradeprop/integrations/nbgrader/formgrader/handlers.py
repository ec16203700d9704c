"""The addresses that formgrader's pages ask, which answer while a command runs."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from jinja2 import ChoiceLoader, Environment, FileSystemLoader
from jupyter_server.utils import url_path_join
from nbgrader.server_extensions.formgrader import apihandlers
from nbgrader.server_extensions.formgrader import handlers as formgrader
from nbgrader.server_extensions.formgrader.base import BaseApiHandler, check_notebook_dir, check_xsrf
from sqlalchemy.exc import SQLAlchemyError
from tornado import web

from gradeprop.core.paths import GIVEN, CoursePaths
from gradeprop.integrations.nbgrader.formgrader.commands import Command, Course, Queue
from gradeprop.integrations.nbgrader.formgrader.refresher import Refresher
from gradeprop.results.unattributed import read_unattributed

F = TypeVar("F", bound=Callable[..., object])

_HERE = Path(__file__).parent
_AUTOGRADING, _OTHERS = "gradeprop_autograding", "gradeprop_others"
"""the two queues: making feedback does not wait for the grading of a class"""
_REFRESHER = "gradeprop_refresher"
_PAGES = Environment(  # the same as formgrader's own, whose page ours extends
    loader=ChoiceLoader([FileSystemLoader(_HERE / "templates"), FileSystemLoader(formgrader.template_path)]),
    autoescape=True,
)


def guarded(method: F) -> F:
    """Require a login and a page of this server as the origin, as formgrader's own handlers do."""
    return cast(F, web.authenticated(check_xsrf(check_notebook_dir(method))))


class _Handler(BaseApiHandler):  # type: ignore[misc]
    """Gives access to the queues, and to the course that is open in formgrader."""

    async def prepare(self) -> None:
        if "nbgrader_formgrader" not in self.settings:
            raise web.HTTPError(404, "formgrader is not enabled in this server")
        await super().prepare()

    def write_error(self, status_code: int, **about: Any) -> None:
        """Answer with a sentence if the gradebook cannot be read; the page shows it."""
        error = about.get("exc_info", (None, None))[1]
        if not isinstance(error, SQLAlchemyError):
            super().write_error(status_code, **about)
            return
        reason = str(error).splitlines()[0]
        locked = "it is locked by another program; reading it is retried until that program releases it"
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(f"The gradebook cannot be read: {locked if 'locked' in reason else reason}")

    def queue(self, name: str = _AUTOGRADING) -> Queue:
        queue: Queue = self.settings[name]
        return queue

    @property
    def course(self) -> Course:
        folder, assignment = self.coursedir, re.escape(self.path_args[0])
        submitted = folder.format_path(folder.submitted_directory, "(?P<student>[^/]+)", assignment, escape=True)
        return Course(Path(folder.root), folder.db_url, submitted)

    def refresh(self) -> None:
        """Discard what formgrader has read of the gradebook, since another process has written to it."""
        if (book := self.settings["nbgrader_gradebook"]) is not None:
            book.db.rollback()
            book.db.expire_all()


class SubmissionsHandler(_Handler):
    """The page "Manage Submissions", with the progress bar and the button for new submissions."""

    @guarded
    def get(self, assignment: str) -> None:
        """Answer with the page, which also lists unattributed submissions."""
        course = Path(self.coursedir.root)
        unattributed = read_unattributed(CoursePaths(course).assignment(assignment))
        about = {"course_dir": str(course), "assignment_id": assignment, "base_url": self.base_url}
        self.write(_PAGES.get_template("autograde_submissions.tpl").render(about, unattributed=unattributed))


class AssignmentsHandler(_Handler):
    """The list of assignments, without the folders of given files and of caches, which nbgrader takes for some."""

    @guarded
    def get(self) -> None:
        """Answer with the list."""
        every = self.api.get_assignments()
        self.write(json.dumps([one for one in every if one["name"] != GIVEN and one["name"][0] not in "._"]))


class ButtonHandler(_Handler):
    """One of formgrader's own buttons; it answers when its command has ended, as nbgrader's does."""

    def initialize(self, name: str, options: tuple[str, ...], queue: str = _OTHERS) -> None:
        """Set the command, as tornado asks for."""
        self.name, self.options, self.queue_name = name, options, queue

    @guarded
    async def post(self, assignment: str, student: str = "") -> None:
        """Run the command for an assignment, or for one student's submission."""
        if self.name == "autograde" and student not in self.api.get_submitted_students(assignment):
            raise web.HTTPError(404, f"{student} has no submission for {assignment}")
        who = (f"--student={student}",) if student else ()
        command = Command(self.name, assignment, (student,), (*who, *self.options))
        await self.queue(self.queue_name).start(command, self.course)
        self.refresh()
        self.write(json.dumps({"success": command.status == 0, "log": command.log}))


class NewSubmissionsHandler(_Handler):
    """All submissions of an assignment that are new since they were last graded."""

    @guarded
    def get(self, assignment: str) -> None:
        """Answer with their number and the state of the commands."""
        self.write(json.dumps({"new": len(self._new(assignment)), "runs": self._states(assignment)}))

    @guarded
    def post(self, assignment: str) -> None:
        """Put a command that grades them into the queue, and answer as ``get``."""
        command = Command("autograde", assignment, self._new(assignment), ("--create",))
        if command.students and not self.queue().is_covered(command):
            self.queue().start(command, self.course).add_done_callback(lambda _: self.refresh())
        self.set_status(202)
        self.write(json.dumps({"new": len(command.students), "runs": self._states(assignment)}))

    def _new(self, assignment: str) -> list[str]:
        api = self.api
        return sorted(api.get_submitted_students(assignment) - api.get_autograded_students(assignment))

    def _states(self, assignment: str) -> list[dict[str, Any]]:
        commands = self.queue().commands(assignment)
        return [one.state() | ({"log": one.log} if one.status else {}) for one in commands]


class GradeHandler(apihandlers.GradeHandler):  # type: ignore[misc]
    """A score that a person gives: late penalty, pages and grades.csv follow."""

    def put(self, grade_id: str) -> None:
        """Store the score as nbgrader does."""
        super().put(grade_id)
        _follow(self, self.gradebook.find_grade_by_id(grade_id))


class CommentHandler(apihandlers.CommentHandler):  # type: ignore[misc]
    """A comment that a person writes: the student's page follows."""

    def put(self, comment_id: str) -> None:
        """Store the comment as nbgrader does."""
        super().put(comment_id)
        _follow(self, self.gradebook.find_comment_by_id(comment_id))


def _follow(handler: BaseApiHandler, row: Any) -> None:
    refresher: Refresher = handler.settings[_REFRESHER]
    refresher.soon(Path(handler.coursedir.root), row.notebook.assignment.name)


def add_handlers(web_app: web.Application) -> None:
    """Register the addresses; must be called before nbgrader registers its own."""
    web_app.settings.update({_AUTOGRADING: Queue(), _OTHERS: Queue(), _REFRESHER: Refresher()})
    autograde = {"name": "autograde", "options": ("--force", "--create"), "queue": _AUTOGRADING}
    generate = {"name": "generate_assignment", "options": ("--force",)}
    feedback = {"name": "generate_feedback", "options": ("--force",)}
    addresses: list[tuple[str, type[web.RequestHandler], dict[str, Any]]] = [
        (r"/formgrader/manage_submissions/([^/]+)/?", SubmissionsHandler, {}),
        (r"/formgrader/api/assignments", AssignmentsHandler, {}),
        (r"/formgrader/api/assignment/([^/]+)/assign", ButtonHandler, generate),
        (r"/formgrader/api/assignment/([^/]+)/collect", ButtonHandler, {"name": "collect", "options": ("--update",)}),
        (r"/formgrader/api/submission/([^/]+)/([^/]+)/autograde", ButtonHandler, autograde),
        (r"/formgrader/api/assignment/([^/]+)/generate_feedback", ButtonHandler, feedback),
        (r"/formgrader/api/assignment/([^/]+)/([^/]+)/generate_feedback", ButtonHandler, feedback),
        (r"/formgrader/api/assignment/([^/]+)/autograde", NewSubmissionsHandler, {}),
        (r"/formgrader/api/grade/([^/]+)", GradeHandler, {}),
        (r"/formgrader/api/comment/([^/]+)", CommentHandler, {}),
        (r"/formgrader/gradeprop/(.*)", web.StaticFileHandler, {"path": str(_HERE / "static")}),
    ]
    base = web_app.settings["base_url"]
    web_app.add_handlers(".*$", [(url_path_join(base, at), handler, given) for at, handler, given in addresses])
