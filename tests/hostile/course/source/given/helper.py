"""Handed to students as it is."""

KINDS = 3
