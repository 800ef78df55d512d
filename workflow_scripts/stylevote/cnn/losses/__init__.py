"""Loss functions, one per module, so that a change of one retrains only the runs that use it."""
