"""Workers: what each does, and how they are started here, on a Ray cluster, or by Slurm."""
