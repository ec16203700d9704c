"""Feedback pages on a branch of their own in each student's repository on GitHub.

Source: docs.github.com, REST API, Repository contents and Git references.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from gradeprop.core.errors import PlatformError, RejectedError, UnreachableError
from gradeprop.integrations.github import is_account
from gradeprop.integrations.push.pages import StudentPages
from gradeprop.integrations.push.settings import GithubSettings
from gradeprop.integrations.push.web import Session, is_busy

BRANCH = "feedback"
_MESSAGE = "Feedback [skip ci]"


class GithubTarget:
    """The repositories of an assignment's students, who are called by their accounts."""

    def __init__(self, settings: GithubSettings, token: str, assignment: str) -> None:
        """Prepare; nothing is sent."""
        self._assignment, self._session = assignment, Session()
        self._session.headers["Authorization"] = f"Bearer {token}"
        self._session.headers["Accept"] = "application/vnd.github+json"
        prefix = settings.prefix.format(assignment=assignment)
        self._base = f"{settings.api.rstrip('/')}/repos/{settings.organisation}/{prefix}"
        self.column = self._base
        self._blobs: dict[tuple[str, str], str] = {}

    def users(self, everyone: Sequence[StudentPages]) -> Mapping[str, str]:
        """Return the students whose names are accounts."""
        return {one.student: one.student for one in everyone if is_account(one.student)}

    def has(self, user: str, name: str, data: bytes) -> bool:
        """Return True if the branch has this content; a student without a repository has nothing."""
        status, found = self._call("GET", user, f"contents/{self._path(name)}?ref={BRANCH}", known=(200, 404))
        self._blobs[user, self._path(name)] = str(found.get("sha", "")) if status == 200 else ""
        return status == 200 and found.get("sha") == _blob(data)

    def send_page(self, user: str, name: str, data: bytes) -> None:
        """Commit a page to the branch, which is made from the repository's own if there is none."""
        path = self._path(name)
        if self._call("GET", user, f"git/ref/heads/{BRANCH}", known=(200, 404))[0] == 404:
            self._make_branch(user)
        body = {"message": _MESSAGE, "branch": BRANCH, "content": base64.b64encode(data).decode()}
        if old := self._blobs.get((user, path)):
            body["sha"] = old
        self._call("PUT", user, f"contents/{path}", body, known=(200, 201))

    def _make_branch(self, user: str) -> None:
        _, repository = self._call("GET", user, "")
        _, head = self._call("GET", user, f"git/ref/heads/{quote(str(repository.get('default_branch')))}")
        body = {"ref": f"refs/heads/{BRANCH}", "sha": str(head.get("object", {}).get("sha"))}
        self._call("POST", user, "git/refs", body, known=(201,))

    def _path(self, name: str) -> str:
        """Return the place of a page, which a later one replaces."""
        stem = name.removeprefix(f"{self._assignment}-").rpartition("-")[0]
        return quote(f"{BRANCH}/{self._assignment}/{stem}.html")

    def _call(
        self, method: str, user: str, path: str, body: dict[str, str] | None = None, known: tuple[int, ...] = (200,)
    ) -> tuple[int, dict[str, Any]]:
        """Send a request about a student's repository.

        Raises:
            RejectedError: there is no such repository, or it rejects the page.
            UnreachableError: GitHub is busy or fails.
            PlatformError: it does not accept the token.
        """
        url = f"{self._base}{user}/{path}".rstrip("/")
        response = self._session.request(method, url, json=body)
        status, text = response.status_code, " ".join(response.text.split())[:200]
        if status in known:
            try:
                return status, dict(response.json())
            except (TypeError, ValueError) as error:
                raise PlatformError(f"{url} gave an answer that is not GitHub's.") from error
        if is_busy(status) or (status == 403 and "rate limit" in text.lower()):
            raise UnreachableError(f"{url} is busy or fails ({status}).")
        if status == 401:
            raise PlatformError(f"{url} does not accept the access token; it has expired or was deleted.")
        raise RejectedError(f"{status}: {text}")


def _blob(data: bytes) -> str:
    """Return Git's name of a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
