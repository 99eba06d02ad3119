"""The command `plantnas` and its exit codes. What each command does is beside this file.

Heavy imports are inside the commands, so that help and mistakes answer at once.
"""

import atexit
import errno
import gc
import os
import re
import sys
import tempfile
import traceback
from typing import NoReturn

import typer

from plantnas.cli.comparing import baselines, compare
from plantnas.cli.databases import app as databases
from plantnas.cli.exporting import export
from plantnas.cli.finishing import finish
from plantnas.cli.listing import groups, list_studies, spaces
from plantnas.cli.reading import dashboard, plot, report, status, table
from plantnas.cli.searching import quickstart, run
from plantnas.cli.working import app as launching
from plantnas.cli.working import worker
from plantnas.errors import PlantnasError, causes_of, first_line, one_line
from plantnas.named import fault_of_the_users
from plantnas.searching.interruption import remembers_interrupts
from plantnas.workers.launcher import COMPLAINT

app = typer.Typer(
    help="Neural architecture search by channel planting: grow small, accurate CNNs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
SEARCHING = (quickstart, run, worker)
READING = (status, report, plot, table, dashboard, export)
OTHERS = (finish, baselines, compare, groups, spaces)
for command in (*SEARCHING, *READING, *OTHERS):
    app.command()(command)
app.command("studies")(list_studies)
app.add_typer(launching, name="launch")
app.add_typer(databases, name="db")

INTERRUPTED = 130
"""The exit code that Typer and shells give to a command that Ctrl-C ended."""

DEFECT = 70
"""The exit code of what nobody has thought of: EX_SOFTWARE of sysexits.h."""

OF_THE_MACHINE = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO),
    *(errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENAMETOOLONG, errno.ELOOP),
}
"""Errors of the system that are no defect of plantnas, wherever they come up."""


YOUNG = 5_000
"""So many new objects, not 700, are looked through for garbage at once."""


def _spare_garbage_collections() -> None:
    """What is imported is no garbage: to look for some, again and again and once more at the end,
    is a third of what a command takes that imports torch."""
    gc.set_threshold(max(YOUNG, gc.get_threshold()[0]), *gc.get_threshold()[1:])
    atexit.unregister(gc.freeze)
    atexit.register(gc.freeze)


def main() -> None:
    """The command `plantnas`: one line and exit code 2 for what the user can mend.

    Of what nobody has thought of, one line and exit code 70; a file has the traceback.
    """
    # Before torch is loaded. Threads that spin while they wait for one another made the training of
    # a small teacher over 20 times slower on a machine with anything else to do.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    _spare_garbage_collections()
    try:
        os.getcwd()
    except OSError as error:
        _end(f"the current folder: {error.strerror}.", 2)
    try:
        with remembers_interrupts():
            exit_code = app(standalone_mode=False) or 0
    except KeyboardInterrupt:
        exit_code = INTERRUPTED
    except typer.TyperException as error:  # a mistake in the command line itself
        _end(error.format_message(), 2)
    except PlantnasError as error:
        _end(str(error), 2)
    except BrokenPipeError:  # who reads what is printed has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except (Exception, SystemExit) as error:
        if (fault := fault_of_the_users(error)) is not None:
            _end(f"code of yours {fault}", 2)
        if isinstance(error, OSError) and error.errno in OF_THE_MACHINE:
            place = f"{error.filename}: " if error.filename else ""
            _end(f"{place}{error.strerror}.", 2)
        if isinstance(error, SystemExit):
            raise
        if (fault := _fault_of_the_database(error)) is not None:
            _end(_without_passwords(f"the database: {fault}"), 2)
        _end(_defect(error), DEFECT)
    if exit_code == INTERRUPTED:
        _end("interrupted. The same command goes on where it stopped.", INTERRUPTED)
    sys.exit(exit_code)


def _fault_of_the_database(error: BaseException) -> str | None:
    """What a driver says of a database that cannot be used, such as for want of disk space."""
    for each in causes_of(error):
        # By its names: who has no database does not wait for SQLAlchemy.
        kind = type(each)
        if (kind.__module__, kind.__name__) == ("sqlalchemy.exc", "OperationalError"):
            return f"{first_line(getattr(each, 'orig', None) or each).removesuffix('.')}."
    return None


def _defect(error: BaseException) -> str:
    """What is said of an exception that nobody has thought of, whose traceback is written."""
    trace = "".join(traceback.format_exception(error))
    says = f"a defect of plantnas: {type(error).__name__}: {first_line(error)[:200]}"
    try:
        handle, path = tempfile.mkstemp(prefix="plantnas-defect-", suffix=".txt")
        with open(handle, "w", errors="backslashreplace") as file:
            file.write(_without_passwords(trace))
    except OSError as refused:
        where = f"Its traceback cannot be written: {refused.strerror}."
    else:
        where = f"Its traceback is in {path}: please send it to the authors."
    return _without_passwords(f"{says.removesuffix('.')}. {where}")


def _without_passwords(text: str) -> str:
    """The text, whose URLs say who logs in and not by which password."""
    return re.sub(r"(://[^:@/\s]*):[^@/\s]*@", r"\1:***@", text)


def _end(message: str, exit_code: int) -> NoReturn:
    if message:  # a bare `plantnas` has shown its help
        typer.echo(f"{COMPLAINT}{one_line(message)}", err=True)
    sys.exit(exit_code)
