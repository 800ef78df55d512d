"""Decisions outside the workflow: the bundle, its web page, its export."""
