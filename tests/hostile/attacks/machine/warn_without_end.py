"""Floods logs and warnings, with terminal escapes and lines that look like the grader's own."""

import logging
import sys
import warnings

# reads "there were warnings"

warnings.simplefilter("always")
for number in range(20_000):
    warnings.warn(f"\x1b]0;owned\x07\x1b[2J\u202e gradeprop: eve 20/20 {number}", stacklevel=1)
    if number % 10 == 0:
        logging.error("\x1b[31m%s\r\n\r20/20", "x" * 1000)
print("\x00\x08\x08\x7f\ud800".encode(errors="replace"), file=sys.stderr)
raise RuntimeError("there were warnings")
