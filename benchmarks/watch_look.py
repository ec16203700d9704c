"""How long one look of ``gradeprop watch`` takes, at a folder of 300 submissions of six files, none of them graded yet.

Warm cache; median of 20, of the processor's time, so that neighbours do not count. What is graded costs less.
"""

import os
import platform
import statistics
import tempfile
import time
from pathlib import Path

from gradeprop.grading.watch import Inbox

STUDENTS, FILES, LOOKS = 300, 6, 20


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for student in range(STUDENTS):
            one = Path(folder) / f"s{student:03}+mnist_lenet+2026-01-31 10:00:00.123456 UTC+aBc"
            one.mkdir()
            for file in range(FILES):
                (one / f"{file}.py").write_text("x = 1\n")
        inbox = Inbox(Path(folder), "mnist_lenet", print)
        took = []
        for _ in range(LOOKS):
            began = time.process_time()
            assert len(inbox.latest()) == STUDENTS
            took.append(time.process_time() - began)
    cores = len(os.sched_getaffinity(0))
    print(f"{1000 * statistics.median(took):.0f} ms for a look at {STUDENTS} submissions of {FILES} files each")
    print(f"Linux {platform.release()}, Python {platform.python_version()}, {cores} cores, n = {LOOKS}")


if __name__ == "__main__":
    main()
