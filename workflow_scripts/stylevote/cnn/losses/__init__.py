"""What training makes small: one module a loss, so that a change of one retrains only the runs that use it."""
