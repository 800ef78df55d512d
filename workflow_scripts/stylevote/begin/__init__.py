"""A configuration for new photos: read folder and table, choose settings, write them with comments."""
