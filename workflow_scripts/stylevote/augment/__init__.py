"""Photos into more and rebalanced photos."""
