"""The student: one network trained on the ensemble's scores."""
