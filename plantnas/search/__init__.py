"""The search: Optuna's objective, sampler and policies, and the processes that run them."""
