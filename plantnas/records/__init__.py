"""What a study has learnt, in SQL tables and weight files. Nothing here trains."""
