"""Forward the submission, propagate the grade: an autograder whose grades cannot be forged."""

__version__ = "0.1.0"
