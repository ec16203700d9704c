"""Grades from the gradebook as files that learning platforms import.

platforms    the gradebook file format of each platform
roster       the file that a platform exported: its students and columns
people       the students in such a file, or in any CSV
export       the file that it imports
"""
