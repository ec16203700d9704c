"""The public checks of @HW@ for Classroom 50: writes result.json in the form classroom50/result/v1.

Put it into CLASSROOM/autograders/ASSIGNMENT/ of the organisation's repository classroom50. Classroom 50 publishes this
file and runs it in the student's repository, so it knows no hidden check, and its score is the number of public checks
that pass.
"""

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

done = subprocess.run(
    [sys.executable, "-m", "given.check"],
    stdout=subprocess.PIPE,
    stderr=subprocess.STDOUT,
    encoding="utf-8",
    check=False,
)
print(done.stdout)
lines = re.findall(r"^([✓✗]) (.+)$", done.stdout, re.MULTILINE) or [("✗", "The public checks did not run.")]
tests = [
    {"test-name": f"{number}. {line}"[:90], "passed": mark == "✓", "score": int(mark == "✓"), "max-score": 1}
    for number, (mark, line) in enumerate(lines, 1)
]
names = {"submission": "SUBMISSION_TAG", "commit": "COMMIT_URL", "release": "RELEASE_URL", "review": "REVIEW_URL"}
result = {
    "schema": "classroom50/result/v1",
    "classroom": os.environ["CLASSROOM"],
    "assignment": os.environ["ASSIGNMENT"],
    "usernames": [os.environ["USERNAME"]],
    **{field: os.environ[name] for field, name in names.items()},
    "datetime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    "score": sum(test["score"] for test in tests),
    "max-score": len(tests),
    "tests": tests,
}
Path("result.json").write_text(json.dumps(result), encoding="utf-8")
