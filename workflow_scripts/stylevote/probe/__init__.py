"""Heads of probes: fits on features of frozen backbones."""
