"""Optuna's ground: what a trial is for, who runs it, and what becomes of lost ones."""
