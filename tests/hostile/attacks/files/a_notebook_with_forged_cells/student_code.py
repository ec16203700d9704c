"""Brings a notebook with doubled, deleted and forged cells, points of a billion, and a timestamp of last century."""

# reads "student_code.py has no standardise."
