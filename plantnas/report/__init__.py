"""Data frames and plots of a study's records. Nothing here trains a network."""
