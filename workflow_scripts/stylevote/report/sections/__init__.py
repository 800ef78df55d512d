"""Sections of the report, a function each: figures and pictures into HTML, and sentences on what is to be seen."""
