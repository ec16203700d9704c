"""Exceptions of gradeprop, by who can fix the cause.

GradepropError
├── SubmissionError   the student: the submission cannot be read; its message goes into the record
├── CourseError       the instructor: names the file and the line to fix; the record *needs review*
├── JailError         the machine failed: tried again, then reported; never a grade
│   └── NoJailError   this machine cannot isolate untrusted code; nothing is run
├── PlatformError     the learning platform refuses or fails; nothing is lost, the same command continues
│   ├── RejectedError     it rejects what was sent for one student; the others go on
│   └── UnreachableError  it does not answer, or is busy: tried again, then reported
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


class PlatformError(GradepropError):
    """A learning platform that refuses a request or fails; the same command continues later."""


class RejectedError(PlatformError):
    """A platform's refusal of what was sent for one student."""


class UnreachableError(PlatformError):
    """A platform that does not answer or is busy; another try may succeed."""


class WireError(GradepropError):
    """Bytes from the jail that break the protocol."""
