"""The configuration: typed settings, checks, defaults, and the runs of its grid."""
