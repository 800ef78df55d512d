"""Estimates of the ensemble's quality: nested estimates, intervals, sizes, leakage."""
