"""The commands that show a study."""
