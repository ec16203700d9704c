"""Nests folders deeper than whoever counts or deletes them can follow by recursion."""

import os

# reads "student_code.py"

try:
    for _ in range(1500):
        os.mkdir("d")
        os.chdir("d")
finally:
    raise RuntimeError("it is deep enough")
