"""Helpers for the assignments, which you need not change: data, training, figures, and the public checks."""
