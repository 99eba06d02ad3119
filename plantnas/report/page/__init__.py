"""The report: one page for a study."""
