"""Scores into decisions."""
