"""The command line: the only room that prints. The searching is in search/, the rest below it."""

from plantnas.cli.main import app as app
from plantnas.cli.main import main as main
