"""Training in plain torch: data, teacher, distillation, planted channels, evaluation.

Nothing here knows Optuna or SQL.
"""
