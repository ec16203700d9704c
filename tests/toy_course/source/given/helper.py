"""Handed to students as it is."""

FACTOR = 2
