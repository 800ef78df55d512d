"""The machine: GPUs, locks, processes, explanations of its failures."""
