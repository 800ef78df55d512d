"""The report and the model card: their figures, pictures and pages."""
