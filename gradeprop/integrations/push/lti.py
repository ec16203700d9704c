"""A column of grades through LTI 1.3: names and roles (NRPS), assignments and grades (AGS).

The only module that imports PyLTI1p3, which signs our requests for tokens and builds scores.
Source: www.imsglobal.org/spec/lti-nrps/v2p0, www.imsglobal.org/spec/lti-ags/v2p0
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jwcrypto.common import JWException
from jwcrypto.jwk import JWK
from jwt.exceptions import PyJWTError
from pylti1p3.assignments_grades import AssignmentsGradesService
from pylti1p3.exception import LtiException, LtiServiceException
from pylti1p3.grade import Grade
from pylti1p3.lineitem import LineItem
from pylti1p3.registration import Registration
from pylti1p3.service_connector import ServiceConnector
from requests.utils import parse_header_links

from gradeprop.core.errors import CourseError, PlatformError, RejectedError, UnreachableError
from gradeprop.integrations.lms.platforms import Platform
from gradeprop.integrations.lms.roster import Roster
from gradeprop.integrations.push.settings import LtiSettings
from gradeprop.integrations.push.target import choose
from gradeprop.integrations.push.web import Session, is_busy

_AGS = "https://purl.imsglobal.org/spec/lti-ags/scope/"
_SCORE, _RESULTS, _READ, _CREATE = (
    f"{_AGS}{name}" for name in ("score", "result.readonly", "lineitem.readonly", "lineitem")
)
_MEMBERS = "https://purl.imsglobal.org/spec/lti-nrps/scope/contextmembership.readonly"
_TYPE = "application/vnd.ims.{}+json"
_MAX_PAGES = 1000

LTI = Platform(
    name="lti",
    title="the platform",
    name_columns=("name",),
    id_columns=("user_id", "lis_person_sourcedid", "email"),
)


class _Registration(Registration):  # type: ignore[misc]
    """Our registration, with the id under which the platform has our key."""

    kid: str | None = None

    def get_kid(self) -> str | None:
        return self.kid


class _Connector(ServiceConnector):  # type: ignore[misc]
    """PyLTI1p3's connector: a new token when one has expired, and our errors."""

    def make_service_request(self, scopes: Sequence[str], url: str, **options: Any) -> Any:
        options["case_insensitive_headers"] = True
        try:
            try:
                response = super().make_service_request(scopes, url, **options)
            except LtiServiceException as error:
                if error.response.status_code != 401:
                    raise
                self._access_tokens.clear()
                response = super().make_service_request(scopes, url, **options)
        except LtiServiceException as error:
            raise _our_error(error.response, self._registration.get_auth_token_url()) from error
        except (LtiException, PyJWTError, KeyError, TypeError, ValueError) as error:
            raise PlatformError(f"{url} gave an answer that is not LTI 1.3: {error!r}.") from error
        links = parse_header_links(response["headers"].get("link", ""))  # PyLTI1p3 writes its address in lower case
        response["next_page_url"] = next((link["url"] for link in links if link.get("rel") == "next"), None)
        return response


def _our_error(response: Any, token_url: str | None) -> PlatformError:
    """Say what a refusal means."""
    status, text = response.status_code, " ".join(response.text.split())[:200]
    if is_busy(status):
        return UnreachableError(f"{response.url} is busy or fails ({status}).")
    if response.url == token_url:
        return PlatformError(
            f"{response.url} refuses our login ({status}: {text}). Compare client-id, token-url and private-key in "
            "push.toml with the registration of the tool; the platform must know the public key."
        )
    if status in (401, 403):
        return PlatformError(f"{response.url} refuses access ({status}: {text}); is the tool allowed this service?")
    if response.request.method == "GET":
        return PlatformError(f"{response.url} answers {status}: {text}. Compare the addresses in push.toml with it.")
    return RejectedError(f"{status}: {text}")


class LtiTarget:
    """A line item of the platform."""

    title, max_points = "the platform", None

    def __init__(
        self, settings: LtiSettings, key: str, titles: Sequence[str], max_points: float, name: str, create: bool
    ) -> None:
        """Find the line item, or create it.

        Args:
            key: our private key, as PEM.
            titles: what the line item may be called.
            max_points: of a new line item.
            name: of the assignment, which a new line item gets as its resource id.

        Raises:
            CourseError: the key is not a private RSA key, or there is no such line item.
            PlatformError: the platform refuses.
        """
        public_key(key, settings.private_key)
        registration = _Registration().set_client_id(settings.client_id).set_auth_token_url(settings.token_url)
        registration.set_tool_private_key(key).kid = settings.key_id or None
        if settings.audience:
            registration.set_auth_audience(settings.audience)
        self._connector, self._settings = _Connector(registration, Session()), settings
        known = {}
        for item in self._pages([_READ], settings.lineitems_url, "lis.v2.lineitemcontainer"):
            known[str(item.get("id"))] = name if item.get("resourceId") == name else str(item.get("label", ""))
        try:
            self._item = LineItem(
                {"id": choose([*titles, name], known, settings.lineitems_url, "; or create it with --new-column")}
            )
        except CourseError:
            if not create or any(title in known.values() for title in titles):
                raise
            self._item = self._create(titles[0], max_points, name)
        self.column = str(self._item.get_id())

    def members(self) -> Roster:
        """Return the students of the course."""
        columns = (*LTI.id_columns, *LTI.name_columns)
        rows = [
            tuple(str(member.get(column) or "") for column in columns)
            for member in self._pages(
                [_MEMBERS], self._settings.members_url, "lti-nrps.v2.membershipcontainer", "members"
            )
            if member.get("status", "Active") == "Active"
            and any(str(role).rpartition("#")[2] == "Learner" for role in member.get("roles", ()))
        ]
        return Roster(self._settings.members_url, LTI, columns, tuple(rows))

    def grades(self) -> Mapping[str, float | str] | None:
        """Return the results, or None if the platform does not let tools read them."""
        address = AssignmentsGradesService._add_url_path_ending(self._item.get_id(), "results")
        try:
            results = list(self._pages([_RESULTS], address, "lis.v2.resultcontainer"))
        except UnreachableError:
            raise
        except PlatformError:
            return None
        try:
            return {
                str(result["userId"]): float(result["resultScore"]) / float(result.get("resultMaximum") or 1)
                for result in results
                if result.get("resultScore") is not None
            }
        except (KeyError, TypeError, ValueError) as error:
            raise PlatformError(f"{address} gave an answer that is not LTI 1.3: {error!r}.") from error

    def send(self, user: str, points: float, max_points: float) -> None:
        """Send one score."""
        grade = Grade().set_user_id(user).set_score_given(points).set_score_maximum(max_points)
        grade.set_activity_progress("Completed").set_grading_progress("FullyGraded")
        grade.set_timestamp(datetime.now(UTC).isoformat(timespec="milliseconds"))
        AssignmentsGradesService(self._connector, {"scope": [_SCORE]}).put_grade(grade, self._item)

    def _create(self, label: str, max_points: float, name: str) -> Any:
        item = LineItem().set_label(label).set_score_maximum(max_points).set_resource_id(name)
        service = AssignmentsGradesService(
            self._connector, {"scope": [_CREATE], "lineitems": self._settings.lineitems_url}
        )
        return service.find_or_create_lineitem(item, find_by="resource_id")

    def _pages(self, scopes: Sequence[str], url: str, kind: str, key: str = "") -> Iterator[dict[str, Any]]:
        """Yield the entries of a list that the platform sends in pages."""
        for _ in range(_MAX_PAGES):
            response = self._connector.make_service_request(scopes, url, accept=_TYPE.format(kind))
            body = response["body"]
            entries = body.get(key, []) if key and isinstance(body, dict) else body
            if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
                raise PlatformError(f"{url} gave an answer that is not a list of LTI 1.3.")
            yield from entries
            if not (url := response["next_page_url"]):
                return


def new_key() -> bytes:
    """Make a private key, as PEM."""
    return bytes(JWK.generate(kty="RSA", size=2048).export_to_pem(private_key=True, password=None))


def public_key(key: str, where: Path | str) -> str:
    """Return the public key that belongs to a private one, as PEM and as JWK: platforms ask for one of them.

    Raises:
        CourseError: it is not a private RSA key.
    """
    try:
        jwk = JWK.from_pem(key.encode())
        if jwk["kty"] != "RSA" or not jwk.has_private:
            raise ValueError
    except (JWException, ValueError) as error:
        raise CourseError("is not a private RSA key in PEM form; gradeprop push key makes one", where) from error
    described = jwk.export_public(as_dict=True) | {"alg": "RS256", "use": "sig"}
    return f"{jwk.export_to_pem().decode()}\n{json.dumps(described)}"
