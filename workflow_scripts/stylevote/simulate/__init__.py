"""Simulated ensembles: scores of a known distribution, without photos."""
