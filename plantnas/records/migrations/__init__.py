"""The history of the tables as alembic revisions; ``upgrade.py`` runs it."""
