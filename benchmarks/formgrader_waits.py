"""How long formgrader's server keeps others waiting while it autogrades one submission: nbgrader's handler, and ours.

Measured: on one Jupyter server each, the longest answer to ``/formgrader/api/status``, asked ten times a second
from the click on "autograde" until its answer. The submission is the release of mnist_lenet as it is; n = 3 clicks
each, in one run. Writes docs/results/bench_formgrader.json.
"""

import json
import os
import platform
import shutil
import tempfile
import threading
import time
from importlib.metadata import version
from pathlib import Path

from gradeprop.core import storage
from tests.browser.servers import REPOSITORY, Person, Server, course_copy, exchange, jupyter

HW, CLICKS = "mnist_lenet", 3
STORED = REPOSITORY / "docs" / "results" / "bench_formgrader.json"
NBGRADERS_OWN = "--ServerApp.jpserver_extensions={'gradeprop.integrations.nbgrader.formgrader': False}"


def click(server: Server) -> dict[str, float]:
    """One click on "autograde": how long it took, and the longest that another request waited meanwhile."""
    answers: list[dict[str, object]] = []
    address = f"/formgrader/api/submission/{HW}/ada/autograde"
    thread = threading.Thread(target=lambda: answers.append(json.loads(server.ask(address, "POST", 1200)[1])))
    began, waits = time.monotonic(), list[float]()
    thread.start()
    while thread.is_alive():
        asked = time.monotonic()
        server.ask("/formgrader/api/status", timeout_s=1200)
        waits.append(time.monotonic() - asked)
        time.sleep(0.1)
    assert answers[0]["success"], answers
    return {"autograding_s": round(time.monotonic() - began, 2), "longest_wait_s": round(max(waits), 3)}


def measure(root: Path) -> dict[str, list[dict[str, float]]]:
    """The clicks, by whose handler answers them."""
    prof = Person("prof", root / "prof", exchange(root / "exchange"))
    prof.settle()
    course = course_copy(root / "prof" / "course")
    done = prof.nbgrader("generate_assignment", HW, "--force", cwd=course)
    assert done.returncode == 0, done.stderr
    shutil.copytree(course / "release" / HW, course / "submitted" / "ada" / HW)
    found = {}
    for whose, options in {"nbgrader": [NBGRADERS_OWN], "gradeprop": []}.items():
        with jupyter(prof, course, *options) as server:
            found[whose] = [click(server) for _ in range(CLICKS)]
            print(whose, found[whose], flush=True)
    return found


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        clicks = measure(Path(folder))
    machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "nbgrader": version("nbgrader")}
    longest = {whose: max(each["longest_wait_s"] for each in seen) for whose, seen in clicks.items()}
    ratio = round(longest["nbgrader"] / longest["gradeprop"], 1)
    print(f"the longest wait, nbgrader's to ours: {ratio}")
    result = {"schema": 1, "machine": machine, "n": CLICKS, "ratio": ratio, "clicks": clicks}
    storage.write_bytes(json.dumps(result, indent=1).encode() + b"\n", STORED)
