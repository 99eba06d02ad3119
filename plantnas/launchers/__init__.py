"""Starts workers: on this machine, on a Ray cluster, by Slurm. What a worker does is in search/."""
