"""Tables and weights on disk."""
