"""A column of grades and feedback files through Canvas' own API.

The only module that imports canvasapi. Source: canvas.instructure.com/doc/api, Submissions and Submission Comments.
"""

import contextlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from canvasapi import exceptions
from canvasapi.course import Course
from canvasapi.requester import Requester
from canvasapi.submission import Submission

from gradeprop.core.errors import PlatformError, RejectedError, UnreachableError
from gradeprop.integrations.lms.platforms import Platform
from gradeprop.integrations.lms.roster import Roster
from gradeprop.integrations.push.settings import CanvasSettings
from gradeprop.integrations.push.target import EXCUSED, choose
from gradeprop.integrations.push.web import Session

if TYPE_CHECKING:
    from gradeprop.integrations.push.pages import StudentPages

API = Platform(
    name="canvas",
    title="Canvas",
    name_columns=("name",),
    id_columns=("id", "login_id", "sis_user_id", "integration_id", "email"),
)


class CanvasTarget:
    """An assignment on Canvas."""

    title = "Canvas"

    def __init__(self, settings: CanvasSettings, token: str, titles: Sequence[str]) -> None:
        """Find the assignment.

        Raises:
            CourseError: there is no assignment of this title, or more than one.
            PlatformError: Canvas refuses.
        """
        self._requester = Requester(settings.url.rstrip("/"), token)
        self._requester._session = Session()
        self._where = f"{settings.url.rstrip('/')}/courses/{settings.course}"
        self._course = Course(self._requester, {"id": settings.course})
        with self._whole_course():
            known = {str(one.id): one for one in self._course.get_assignments(per_page=100)}
        chosen = choose(titles, {name: str(one.name) for name, one in known.items()}, self._where)
        self._assignment = known[chosen]
        self.column = f"{self._where}/assignments/{chosen}"
        points = getattr(self._assignment, "points_possible", None)
        self.max_points = float(points) if points else None

    def members(self) -> Roster:
        """Return the students of the course."""
        columns = (*API.id_columns, *API.name_columns)
        with self._whole_course():
            users = list(self._course.get_users(enrollment_type=["student"], include=["email"], per_page=100))
        rows = tuple(tuple(str(getattr(user, column, None) or "") for column in columns) for user in users)
        return Roster(self._where, API, columns, rows)

    def grades(self) -> Mapping[str, float | str]:
        """Return the grades before Canvas' own late penalty."""
        found: dict[str, float | str] = {}
        with self._whole_course():
            for one in self._assignment.get_submissions(per_page=100):
                score = getattr(one, "entered_score", None)
                score = getattr(one, "score", None) if score is None else score
                if getattr(one, "excused", False):
                    found[str(one.user_id)] = EXCUSED
                elif score is not None:
                    found[str(one.user_id)] = float(score) / (self.max_points or 1.0)
        return found

    def send(self, user: str, points: float, max_points: float) -> None:
        """Send one score."""
        with _our_errors(self._where):
            self._submission(user).edit(submission={"posted_grade": str(points)})

    def users(self, everyone: "Sequence[StudentPages]") -> Mapping[str, str]:
        """Return the id of each student who is in the course."""
        roster = self.members()
        rows = roster.find_rows((one.student, one.other_ids) for one in everyone)
        return {student: roster.rows[row][0] for student, row in rows.items()}

    def has(self, user: str, name: str, data: bytes) -> bool:
        """Return True if a comment on the submission has this file."""
        return name in self._files.get(user, ())

    def send_page(self, user: str, name: str, data: bytes) -> None:
        """Attach a file to a comment on the submission."""
        with tempfile.TemporaryDirectory() as folder, _our_errors(self._where):
            (file := Path(folder) / name).write_bytes(data)
            is_uploaded, _ = self._submission(user).upload_comment(str(file))
        if not is_uploaded:
            raise RejectedError("Canvas did not store the file")

    @cached_property
    def _files(self) -> dict[str, set[str]]:
        """The names of the files in comments, by user."""
        found: dict[str, set[str]] = {}
        with self._whole_course():
            for one in self._assignment.get_submissions(include=["submission_comments"], per_page=100):
                comments = getattr(one, "submission_comments", None) or []
                attached = (file for comment in comments for file in comment.get("attachments") or [])
                found[str(one.user_id)] = {str(file.get("display_name") or file.get("filename")) for file in attached}
        return found

    def _submission(self, user: str) -> Any:
        ids = {"course_id": self._course.id, "assignment_id": self._assignment.id, "user_id": user}
        return Submission(self._requester, ids)

    @contextlib.contextmanager
    def _whole_course(self) -> Iterator[None]:
        """Turn a refusal into one of the whole course."""
        try:
            with _our_errors(self._where):
                yield
        except RejectedError as error:
            raise PlatformError(f"{self._where} is not a course that this token may grade ({error}).") from error


@contextlib.contextmanager
def _our_errors(where: str) -> Iterator[None]:
    """Turn errors of canvasapi into ours."""
    try:
        yield
    except exceptions.InvalidAccessToken as error:
        message = f"{where} does not accept the access token: it has expired or was deleted. Make a new one in Canvas."
        raise PlatformError(message) from error
    except exceptions.RateLimitExceeded as error:
        raise UnreachableError(f"{where} asks us to slow down.") from error
    except exceptions.Forbidden as error:
        if "Rate Limit" in str(error):
            raise UnreachableError(f"{where} asks us to slow down.") from error
        raise RejectedError(_sentence(error)) from error
    except (
        exceptions.BadRequest,
        exceptions.Unauthorized,
        exceptions.ResourceDoesNotExist,
        exceptions.Conflict,
        exceptions.UnprocessableEntity,
    ) as error:
        raise RejectedError(_sentence(error)) from error
    except exceptions.CanvasException as error:
        raise UnreachableError(f"{where} fails: {_sentence(error)}") from error
    except ValueError as error:
        raise PlatformError(f"{where} gave an answer that is not Canvas' ({error}).") from error


def _sentence(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
