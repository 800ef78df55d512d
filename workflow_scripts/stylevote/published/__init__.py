"""Published tables compared with our runs."""
