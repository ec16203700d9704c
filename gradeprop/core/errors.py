"""The errors of the house, by whose they are.

GradepropError
├── SubmissionError   the student's: the submission cannot be read; becomes a sentence in the record
├── CourseError       the instructor's: names the file and line to mend; the record *needs review*
├── JailError         ours: the machine failed; tried again, then reported, never a grade
│   └── NoJailError   this machine cannot hold untrusted code; nothing is run
└── WireError         the jail's answer breaks the protocol; the run ends, the student is told
"""

from pathlib import Path


class GradepropError(Exception):
    """Something that a person can act on; its text is a whole sentence."""


class SubmissionError(GradepropError):
    """A submission that cannot be read; the text is shown to the student."""


class CourseError(GradepropError):
    """A mistake in the course itself.

    ``where`` is the file to mend, ``line`` the line in it (counted from 1) where one is known.
    """

    def __init__(self, message: str, where: Path | str, line: int | None = None) -> None:
        self.where, self.line = str(where), line
        super().__init__(f"{self.where}{f':{line}' if line else ''}: {message}")


class JailError(GradepropError):
    """The machine failed: the jail, the judge, or the disk; the submission is not to blame."""


class NoJailError(JailError):
    """No jail can be made on this machine; the text says what to do."""


class WireError(GradepropError):
    """Bytes from the jail that break the protocol."""
