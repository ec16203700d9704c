"""Platforms on loopback that are as strict as the standards: signatures, scopes, types, fields, order of times."""

import hashlib
import json
import re
import threading
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import jwt

AGS = "https://purl.imsglobal.org/spec/lti-ags/scope/"
NRPS = "https://purl.imsglobal.org/spec/lti-nrps/scope/contextmembership.readonly"
PAGE = 50
Answer = tuple[int, Any, dict[str, str]]


class Problem(Exception):
    """A request that the platform refuses."""

    def __init__(self, status: int, text: str, **headers: str) -> None:
        super().__init__(text)
        self.status, self.headers = status, headers


class FakePlatform:
    """A server on loopback; subclasses answer."""

    def __init__(self) -> None:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version, wbufsize = "HTTP/1.1", 1 << 16

            def handle_one(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                try:
                    with fake.lock:
                        status, answer, headers = fake.answer(self.command, self.path, self.headers, body)
                except Problem as problem:
                    status, answer, headers = problem.status, {"errors": str(problem)}, problem.headers
                data = json.dumps(answer).encode()
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = handle_one  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self.lock = threading.Lock()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.received: dict[str, list[Any]] = defaultdict(list)
        """what was accepted, by user"""
        self.rejected: set[str] = set()
        """users for whom everything is rejected"""
        self.after_each: Callable[[int], None] = lambda count: None
        """called after something was stored and before it is confirmed"""
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def answer(self, method: str, path: str, headers: Any, body: bytes) -> Answer:
        raise NotImplementedError

    def store(self, user: str, what: Any) -> None:
        self.received[user].append(what)
        self.after_each(sum(map(len, self.received.values())))

    def page(self, items: list[Any], path: str) -> tuple[list[Any], dict[str, str]]:
        """One page, with a next address whose capital letters matter."""
        query = dict(parse_qsl(urlsplit(path).query))
        start = int(query.get("bookMark", "Page0").removeprefix("Page"))
        link = f'<{self.url}{urlsplit(path).path}?bookMark=Page{start + PAGE}>; rel="next"'
        return items[start : start + PAGE], {"Link": link} if start + PAGE < len(items) else {}


class FakeLti(FakePlatform):
    """LTI 1.3: OAuth 2 with signed assertions, names and roles, assignments and grades."""

    def __init__(self, public_key: str, students: list[str]) -> None:
        self.public_key, self.students = public_key, students
        self.members = [
            {
                "user_id": f"u-{name}",
                "email": f"{name}@uni.edu",
                "name": name.title(),
                "status": "Active",
                "roles": roles,
            }
            for name, roles in [
                *((name, ["Learner"]) for name in students),
                ("prof", ["http://x/membership#Instructor"]),
            ]
        ]
        self.items = [{"id": "", "label": "Doubling", "scoreMaximum": 100}]
        self.tokens: dict[str, tuple[set[str], int]] = {}
        """token → its scopes, and how many requests it is still good for"""
        self.uses, self.max_tokens = 10**6, 10**6
        self.granted = {NRPS, *(AGS + name for name in ("score", "result.readonly", "lineitem.readonly", "lineitem"))}
        self.seen_ids: set[str] = set()
        super().__init__()
        self.items[0]["id"] = f"{self.url}/items/7?type=Lab"

    @property
    def settings(self) -> str:
        return (
            f'[lti]\nclient-id = "tool"\ntoken-url = "{self.url}/token"\nmembers-url = "{self.url}/members"\n'
            f'lineitems-url = "{self.url}/items"\nprivate-key = "lti.pem"\nkey-id = "K"\n'
        )

    def answer(self, method: str, path: str, headers: Any, body: bytes) -> Answer:
        place = urlsplit(path).path
        if (method, place) == ("POST", "/token"):
            return 200, self.token(dict(parse_qsl(body.decode()))), {}
        if (method, place) == ("GET", "/members"):
            self.check(headers, {NRPS}, "application/vnd.ims.lti-nrps.v2.membershipcontainer+json")
            members, more = self.page(self.members, path)
            return 200, {"id": path, "members": members}, more
        if (method, place) == ("GET", "/items"):
            self.check(
                headers,
                {AGS + "lineitem.readonly", AGS + "lineitem"},
                "application/vnd.ims.lis.v2.lineitemcontainer+json",
            )
            items, more = self.page(self.items, path)
            return 200, items, more
        if (method, place) == ("POST", "/items"):
            self.check(headers, {AGS + "lineitem"}, "application/vnd.ims.lis.v2.lineitem+json", sends=True)
            self.items.append(json.loads(body) | {"id": f"{self.url}/items/8"})
            return 201, self.items[-1], {}
        if method == "GET" and re.fullmatch(r"/items/\d/results", place):
            self.check(headers, {AGS + "result.readonly"}, "application/vnd.ims.lis.v2.resultcontainer+json")
            results = [
                {
                    "userId": user,
                    "resultScore": 100 * all_[-1]["scoreGiven"] / all_[-1]["scoreMaximum"],
                    "resultMaximum": 100,
                }
                for user, all_ in self.received.items()
            ]
            found, more = self.page(results, path)
            return 200, found, more
        if method == "POST" and re.fullmatch(r"/items/\d/scores", place):
            self.check(headers, {AGS + "score"}, "application/vnd.ims.lis.v1.score+json", sends=True)
            self.score(json.loads(body))
            return 200, {}, {}
        raise Problem(404, f"{method} {place}")

    def token(self, form: dict[str, str]) -> dict[str, Any]:
        assert form["grant_type"] == "client_credentials"
        assert form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        try:
            required = {"require": ["iss", "sub", "aud", "iat", "exp", "jti"]}
            claims = jwt.decode(
                *(form["client_assertion"], self.public_key, ["RS256"]), options=required, audience=f"{self.url}/token"
            )
        except jwt.PyJWTError as error:
            raise Problem(400, f"invalid_client: {error}") from error
        is_known = claims["iss"] == claims["sub"] == "tool" and claims["jti"] not in self.seen_ids
        if not is_known or jwt.get_unverified_header(form["client_assertion"]).get("kid") != "K":
            raise Problem(400, "invalid_client")
        self.seen_ids.add(claims["jti"])
        scopes = set(form["scope"].split())
        if not scopes <= self.granted:
            raise Problem(400, "invalid_scope")
        if len(self.tokens) >= self.max_tokens:
            raise Problem(401, "the registration of this tool has expired")
        name = f"T{len(self.tokens)}"
        self.tokens[name] = (scopes, self.uses)
        return {"access_token": name, "token_type": "Bearer", "expires_in": 3600, "scope": form["scope"]}

    def check(self, headers: Any, scopes: set[str], kind: str, sends: bool = False) -> None:
        name = (headers.get("Authorization") or "").removeprefix("Bearer ")
        granted, left = self.tokens.get(name, (set(), 0))
        if not left:
            raise Problem(401, "invalid_token")
        self.tokens[name] = (granted, left - 1)
        if not scopes & granted:
            raise Problem(403, "insufficient_scope")
        if headers["Content-Type" if sends else "Accept"] != kind:
            raise Problem(415, f"expected {kind}")

    def score(self, score: dict[str, Any]) -> None:
        if score.keys() - {
            "userId",
            "scoreGiven",
            "scoreMaximum",
            "activityProgress",
            "gradingProgress",
            "timestamp",
            "comment",
        }:
            raise Problem(400, "unknown field")
        if not (score["scoreGiven"] >= 0 and score["scoreMaximum"] > 0):
            raise Problem(400, "points")
        if score["activityProgress"] != "Completed" or score["gradingProgress"] != "FullyGraded":
            raise Problem(400, "progress")
        user, at = score["userId"], datetime.fromisoformat(score["timestamp"])
        if at.tzinfo is None or not re.search(r"\.\d{3}", score["timestamp"]):
            raise Problem(400, "timestamp")
        if user in self.rejected or user not in {member["user_id"] for member in self.members}:
            raise Problem(422, f"{user} may not be graded")
        if any(datetime.fromisoformat(old["timestamp"]) >= at for old in self.received[user]):
            raise Problem(409, "an older score")
        self.store(user, score)


class FakeCanvas(FakePlatform):
    """Canvas' API: users, assignments, submissions, files in comments."""

    def __init__(self, students: list[str]) -> None:
        self.students = {str(1000 + number): name for number, name in enumerate(students)}
        self.points = 15.0
        self.grades: dict[str, float] = {}
        self.excused: set[str] = set()
        self.files: dict[str, tuple[str, bytes]] = {}
        self.comments: dict[str, list[str]] = defaultdict(list)
        self.requests_left = 10**6
        self.busy = 0
        super().__init__()

    @property
    def settings(self) -> str:
        return f'[canvas]\nurl = "{self.url}"\ncourse = 5\n'

    def answer(self, method: str, path: str, headers: Any, body: bytes) -> Answer:
        place = urlsplit(path).path
        if (method, place) == ("POST", "/upload"):
            return 201, self.upload(headers, body), {}
        if headers["Authorization"] != "Bearer secret" or not self.requests_left:
            raise Problem(401, "Invalid access token.", **{"WWW-Authenticate": 'Bearer realm="canvas-lms"'})
        self.requests_left -= 1
        if self.busy and method == "PUT":
            self.busy -= 1
            raise Problem(429, "Rate Limit Exceeded")
        base = "/api/v1/courses/5"
        lists: dict[str, Callable[[], list[Any]]] = {
            f"{base}/search_users": lambda: [
                {"id": int(user), "name": name, "login_id": name, "email": f"{name}@uni.edu"}
                for user, name in self.students.items()
            ],
            f"{base}/assignments": lambda: [
                {"id": 7, "name": "Doubling", "points_possible": self.points, "course_id": 5},
                {"id": 8, "name": "Other", "points_possible": 5, "course_id": 5},
            ],
            f"{base}/assignments/7/submissions": lambda: list(map(self.submission, self.students)),
        }
        if method == "GET" and place in lists:
            found, more = self.page(lists[place](), path)
            return 200, found, more
        if match := re.fullmatch(rf"{base}/assignments/7/submissions/(\d+)(/comments/files)?", place):
            return self.edit(method, match[1], bool(match[2]), body)
        raise Problem(404, f"{method} {place}")

    def submission(self, user: str) -> dict[str, Any]:
        files = [{"display_name": self.files[file][0]} for file in self.comments[user]]
        return {
            "user_id": int(user),
            "score": self.grades.get(user),
            "excused": user in self.excused,
            "submission_comments": [{"attachments": [file]} for file in files],
        }

    def edit(self, method: str, user: str, is_file: bool, body: bytes) -> Answer:
        form = parse_qs(body.decode())
        if user in self.rejected or user not in self.students:
            raise Problem(404, "The specified resource does not exist.")
        if is_file:
            name = form["name"][0]
            return 200, {"upload_url": f"{self.url}/upload", "upload_params": {"user": user, "name": name}}, {}
        assert method == "PUT"
        if points := form.get("submission[posted_grade]"):
            self.grades[user] = float(points[0])
            self.store(user, float(points[0]))
        if files := form.get("comment[file_ids][]"):
            self.comments[user].append(files[0])
            self.store(user, self.files[files[0]])
        return 200, self.submission(user), {}

    def upload(self, headers: Any, body: bytes) -> dict[str, Any]:
        assert "Authorization" not in headers
        message = BytesParser(policy=HTTP).parsebytes(
            b"Content-Type: " + headers["Content-Type"].encode() + b"\r\n\r\n" + body
        )
        parts = {part.get_param("name", header="content-disposition"): part for part in message.iter_parts()}
        number = str(9000 + len(self.files))
        content = parts["file"].get_payload(decode=True)
        self.files[number] = (str(parts["name"].get_payload()).strip(), content)
        return {"id": int(number), "url": f"{self.url}/files/{number}"}


class FakeGithub(FakePlatform):
    """GitHub's API for contents and references."""

    def __init__(self, repositories: list[str]) -> None:
        self.branches: dict[str, dict[str, dict[str, bytes]]] = {name: {"main": {"a.py": b""}} for name in repositories}
        super().__init__()

    @property
    def settings(self) -> str:
        return f'[github]\norganisation = "school"\napi = "{self.url}"\n'

    def answer(self, method: str, path: str, headers: Any, body: bytes) -> Answer:
        if headers["Authorization"] != "Bearer secret":
            raise Problem(401, "Bad credentials")
        parts = urlsplit(path)
        match = re.fullmatch(r"/repos/school/([\w-]+)(?:/(.*))?", parts.path)
        if not match or match[1] not in self.branches:
            raise Problem(404, "Not Found")
        branches, place = self.branches[match[1]], match[2] or ""
        sent = json.loads(body) if body else {}
        if method == "GET" and not place:
            return 200, {"default_branch": "main"}, {}
        if method == "GET" and (ref := re.fullmatch(r"git/ref/heads/(\w+)", place)):
            if ref[1] not in branches:
                raise Problem(404, "Not Found")
            return 200, {"object": {"sha": ref[1]}}, {}
        if (method, place) == ("POST", "git/refs"):
            branches[sent["ref"].removeprefix("refs/heads/")] = dict(branches[sent["sha"]])
            return 201, {}, {}
        file = place.removeprefix("contents/")
        files = branches.get(sent.get("branch") or parse_qs(parts.query)["ref"][0])
        if files is None or (method == "GET" and file not in files):
            raise Problem(404, "Not Found")
        if method == "PUT":
            import base64

            if sent.get("sha", "") != (blob(files[file]) if file in files else ""):
                raise Problem(409, "sha does not match")
            files[file] = base64.b64decode(sent["content"])
            self.store(match[1], file)
        return 200, {"sha": blob(files[file])}, {}


def blob(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
