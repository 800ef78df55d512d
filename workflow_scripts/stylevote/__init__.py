"""Stylevote: photos and labels in, decisions by a large CNN ensemble out. The workflow's rules call this library."""
