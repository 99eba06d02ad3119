"""The command line: the only room that prints. What it calls is in the rooms below it."""

from plantnas.cli.main import app as app
from plantnas.cli.main import main as main
