"""Planting compared with baselines: the verdict, its statistics and its page."""
