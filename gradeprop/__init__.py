"""Forward the submission, propagate the grade: an autograder whose grades cannot be forged."""

import sys

__version__ = "0.1.0"

# Importing rfc3987_syntax builds a grammar, two seconds of processor time, so that jsonschema can validate
# international addresses. Notebooks have none; without the module jsonschema leaves that check out.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
