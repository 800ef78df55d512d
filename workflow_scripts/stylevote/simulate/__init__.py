"""Simulated ensembles: scores of a known law, without photos."""
