"""The ensemble: from the networks' scores to decisions."""
