"""The demo's data: drawn people, and the label sets of the challenge."""
