"""The file push.toml of a course: where its platform is, and who we are there. It holds no secret."""

import os
from pathlib import Path
from typing import TypeVar

import msgspec

from gradeprop.core.errors import CourseError
from gradeprop.core.models import Record
from gradeprop.core.paths import CoursePaths

T = TypeVar("T")
CANVAS_TOKEN = "CANVAS_TOKEN"
"""the environment variable with the access token for Canvas"""
GITHUB_TOKEN = "STUDENTS_TOKEN"
"""the environment variable with the access token for students' repositories"""


class LtiSettings(Record, rename="kebab", frozen=True, kw_only=True):
    """Our registration as an LTI 1.3 tool, and the services of one course on the platform."""

    client_id: str
    """from the registration of the tool"""
    token_url: str
    """the platform's address for access tokens"""
    members_url: str
    """the platform's names and roles service (NRPS) for the course"""
    lineitems_url: str
    """the platform's assignment and grade service (AGS) for the course"""
    private_key: str
    """the PEM file of our key; a relative path starts at the course"""
    key_id: str = ""
    """the name of our key on the platform, if it asks for one"""
    audience: str = ""
    """the audience of our signed requests, if it is not the token's address"""


class CanvasSettings(Record, rename="kebab", frozen=True, kw_only=True):
    """One course on Canvas; the token is in the environment."""

    url: str
    """the address of Canvas"""
    course: int
    """the number in the address of the course"""


class GithubSettings(Record, rename="kebab", frozen=True, kw_only=True):
    """The organisation that owns students' repositories."""

    organisation: str
    """its name on GitHub"""
    prefix: str = "{assignment}-"
    """a repository is called by this and the student's account"""
    api: str = "https://api.github.com"
    """the address of the API; another one for GitHub Enterprise"""


class PushSettings(Record, rename="kebab", frozen=True, kw_only=True):
    """The content of push.toml; a platform that is not used may be absent."""

    lti: LtiSettings | None = None
    """for push lti"""
    canvas: CanvasSettings | None = None
    """for push canvas and feedback canvas"""
    github: GithubSettings | None = None
    """for feedback github"""


def read_settings(course: CoursePaths) -> PushSettings:
    """Read push.toml.

    Raises:
        CourseError: there is no such file, or it has an invalid value.
    """
    try:
        return msgspec.toml.decode(course.push_toml.read_bytes(), type=PushSettings)
    except FileNotFoundError:
        raise CourseError(
            "the file does not exist; gradeprop docs lms shows what belongs in it", course.push_toml
        ) from None
    except msgspec.MsgspecError as error:
        raise CourseError(str(error), course.push_toml) from error


def section(found: T | None, name: str, course: CoursePaths) -> T:
    """Return a section of push.toml.

    Raises:
        CourseError: the file has no such section.
    """
    if found is None:
        raise CourseError(f"has no section [{name}]; gradeprop docs lms shows what belongs in it", course.push_toml)
    return found


def read_key(settings: LtiSettings, course: CoursePaths) -> str:
    """Read our private key.

    Raises:
        CourseError: the file cannot be read.
    """
    file = course.root / Path(settings.private_key).expanduser()
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        message = f"the private key cannot be read: {getattr(error, 'strerror', None) or 'not a PEM file'}"
        raise CourseError(message, file) from error


def token(variable: str) -> str:
    """Return an access token from the environment.

    Raises:
        CourseError: the variable is not set.
    """
    if found := os.environ.get(variable, "").strip():
        return found
    raise CourseError("the environment variable is not set; it must hold an access token of yours", variable)
