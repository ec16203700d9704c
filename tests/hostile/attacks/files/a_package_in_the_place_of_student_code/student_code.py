"""Brings a package and a compiled module named student_code, which Python prefers to the file that is looked at."""

# reads "values of the rows differ from what was expected"
# reads "student_code.py has no windows."
