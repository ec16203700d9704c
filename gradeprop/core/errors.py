"""Exceptions of gradeprop, by who can fix the cause.

GradepropError
├── SubmissionError   the student: the submission cannot be read; its message goes into the record
├── CourseError       the instructor: names the file and the line to fix; the record *needs review*
├── JailError         the machine failed: tried again, then reported; never a grade
│   └── NoJailError   this machine cannot isolate untrusted code; nothing is run
└── WireError         bytes from the jail break the protocol; the run ends, the student sees a message
"""

from pathlib import Path


class GradepropError(Exception):
    """An error that a person can act on; its message is a whole sentence."""


class SubmissionError(GradepropError):
    """A submission that cannot be read; the student sees the message."""


class CourseError(GradepropError):
    """A mistake in the course itself.

    Attributes:
        where: the file to fix.
        line: the line of that file, counted from 1; None if it is unknown.
    """

    def __init__(self, message: str, where: Path | str, line: int | None = None) -> None:
        self.where, self.line = str(where), line
        super().__init__(f"{self.where}{f':{line}' if line else ''}: {message}")


class JailError(GradepropError):
    """A failure of the machine: of the jail, the judge, or the disk; never the fault of the submission."""


class NoJailError(JailError):
    """No jail can be started on this machine; the message says what to do."""


class WireError(GradepropError):
    """Bytes from the jail that break the protocol."""
