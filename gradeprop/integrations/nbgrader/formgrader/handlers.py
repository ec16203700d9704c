"""What formgrader's pages ask for, answered while a command is at work."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from jinja2 import ChoiceLoader, Environment, FileSystemLoader
from jupyter_server.utils import url_path_join
from nbgrader.server_extensions.formgrader import handlers as formgrader
from nbgrader.server_extensions.formgrader.base import BaseApiHandler, check_notebook_dir, check_xsrf
from sqlalchemy.exc import SQLAlchemyError
from tornado import web

from gradeprop.core.paths import GIVEN
from gradeprop.integrations.nbgrader.formgrader.commands import Command, Course, Queue

_HERE = Path(__file__).parent
_AUTOGRADING, _OTHERS = "gradeprop_autograding", "gradeprop_others"
"""the two queues: who makes feedback does not wait for a class that is graded"""
_PAGES = Environment(  # as formgrader's own, whose page this one extends
    loader=ChoiceLoader([FileSystemLoader(_HERE / "templates"), FileSystemLoader(formgrader.template_path)]),
    autoescape=True,
)


F = TypeVar("F", bound=Callable[..., object])


def guarded(method: F) -> F:
    """For who is logged in and comes from a page of this server, as formgrader guards its own handlers."""
    return cast(F, web.authenticated(check_xsrf(check_notebook_dir(method))))


class _Handler(BaseApiHandler):  # type: ignore[misc]
    """Knows the queue, and the course that formgrader has open."""

    async def prepare(self) -> None:
        if "nbgrader_formgrader" not in self.settings:
            raise web.HTTPError(404, "formgrader is not switched on in this server")
        await super().prepare()

    def write_error(self, status_code: int, **about: Any) -> None:
        """A gradebook that cannot be read is a sentence, which the page shows."""
        error = about.get("exc_info", (None, None))[1]
        if not isinstance(error, SQLAlchemyError):
            super().write_error(status_code, **about)
            return
        why = str(error).splitlines()[0]
        held = "another program holds it locked; it is read again once that program has ended its transaction"
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(f"The gradebook cannot be read: {held if 'locked' in why else why}")

    def queue(self, which: str = _AUTOGRADING) -> Queue:
        queue: Queue = self.settings[which]
        return queue

    @property
    def course(self) -> Course:
        folder, assignment = self.coursedir, re.escape(self.path_args[0])
        submitted = folder.format_path(folder.submitted_directory, "(?P<student>[^/]+)", assignment, escape=True)
        return Course(Path(folder.root), folder.db_url, submitted)

    def forget(self) -> None:
        """Formgrader keeps what it has read of the gradebook; another process has written since."""
        if (book := self.settings["nbgrader_gradebook"]) is not None:
            book.db.rollback()
            book.db.expire_all()


class SubmissionsHandler(_Handler):
    """The page "Manage Submissions", with the button for all that is new and the bar."""

    @guarded
    def get(self, assignment: str) -> None:
        page = _PAGES.get_template("autograde_submissions.tpl")
        self.write(page.render(course_dir=self.coursedir.root, assignment_id=assignment, base_url=self.base_url))


class AssignmentsHandler(_Handler):
    """The list of assignments: for nbgrader every folder of source/ is one, the shared helpers too."""

    @guarded
    def get(self) -> None:
        self.write(json.dumps([one for one in self.api.get_assignments() if one["name"] != GIVEN]))


class ButtonHandler(_Handler):
    """One of formgrader's own buttons: answers when its command has ended, as nbgrader does."""

    def initialize(self, name: str, options: tuple[str, ...], which: str = _OTHERS) -> None:
        self.name, self.options, self.which = name, options, which

    @guarded
    async def post(self, assignment: str, student: str = "") -> None:
        if self.name == "autograde" and student not in self.api.get_submitted_students(assignment):
            raise web.HTTPError(404, f"{student} has handed in nothing for {assignment}")
        whose = (f"--student={student}",) if student else ()
        one = Command(self.name, assignment, (student,), (*whose, *self.options))
        await self.queue(self.which).start(one, self.course)
        self.forget()
        self.write(json.dumps({"success": one.status == 0, "log": one.log}))


class AllHandler(_Handler):
    """All submissions of an assignment that are new since they were last graded."""

    @guarded
    def get(self, assignment: str) -> None:
        self.write(json.dumps({"new": len(self._new(assignment)), "runs": self._states(assignment)}))

    @guarded
    def post(self, assignment: str) -> None:
        one = Command("autograde", assignment, self._new(assignment), ("--create",))
        if one.students and not self.queue().waits(one):
            self.queue().start(one, self.course).add_done_callback(lambda _: self.forget())
        self.set_status(202)
        self.write(json.dumps({"new": len(one.students), "runs": self._states(assignment)}))

    def _new(self, assignment: str) -> list[str]:
        api = self.api
        return sorted(api.get_submitted_students(assignment) - api.get_autograded_students(assignment))

    def _states(self, assignment: str) -> list[dict[str, Any]]:
        return [one.state() | ({"log": one.log} if one.status else {}) for one in self.queue().of(assignment)]


def add_handlers(web_app: web.Application) -> None:
    """Answer in place of nbgrader's handlers, where these come later."""
    web_app.settings.update({_AUTOGRADING: Queue(), _OTHERS: Queue()})
    autograde = {"name": "autograde", "options": ("--force", "--create"), "which": _AUTOGRADING}
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
        (r"/formgrader/api/assignment/([^/]+)/autograde", AllHandler, {}),
        (r"/formgrader/gradeprop/(.*)", web.StaticFileHandler, {"path": str(_HERE / "static")}),
    ]
    base = web_app.settings["base_url"]
    web_app.add_handlers(".*$", [(url_path_join(base, at), handler, given) for at, handler, given in addresses])
