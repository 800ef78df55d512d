"""Pictures of people dressed in styles."""
