"""The configuration: its typed settings, how it is checked and resolved, and the runs that it stands for."""
