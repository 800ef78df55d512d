"""Files into tables and pixels."""
