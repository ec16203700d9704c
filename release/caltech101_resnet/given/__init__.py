"""Helpers handed to you as they are: data, training, figures, and the checks you can run yourself."""
