"""Backbones, training and prediction."""
