"""Nests folders deeper than a program that counts or deletes them by recursion can follow."""

import os

# reads "student_code.py"

try:
    for _ in range(1500):
        os.mkdir("d")
        os.chdir("d")
finally:
    raise RuntimeError("it is deep enough")
