"""What the stock optuna-dashboard shows of a study, put into the study, and its server.

The words are made in headline.py, the figures in plotting/; the pages are the dashboard's own.
"""

import platform
from collections.abc import Callable, Iterable, Sequence
from importlib.util import find_spec
from ipaddress import ip_address
from socket import getfqdn
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import optuna
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from sqlalchemy.exc import SQLAlchemyError

from plantnas.errors import PlantnasError, StorageError, missing
from plantnas.records.database import Database
from plantnas.records.engine import (
    check_exists,
    reason,
    set_sqlite_pragmas,
    shown_url,
    storage_engine_arguments,
)
from plantnas.records.optuna_private import study_id_of
from plantnas.records.optuna_studies import check_owner
from plantnas.records.optuna_tables import name_values
from plantnas.records.record import NetworkRecord
from plantnas.records.study import StudyRecords
from plantnas.report.front import front_and_references, metric_of, teacher_of
from plantnas.report.headline import caveats, export_command, first_choice, headline
from plantnas.report.study_data import StudyData
from plantnas.report.terminal import accuracy_text, cost_columns, cost_text

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    import plotly.graph_objects as go

FIGURE_HEIGHT = 450
"""Pixels: the dashboard's frame has so many, whatever the figure says, and shows no more."""
LARGEST_FIGURE = 500_000
"""Characters: a figure is read again every ten seconds, in rows of two thousand characters."""
LOOPBACK = {"127.0.0.1", "::1", "localhost"}
EVERYWHERE = {"0.0.0.0", "::"}
COLUMNS = (
    "network",
    "made by",
    "step",
    "trial",
    "parameters",
    "% of teacher",
    "validation %",
    "test %",
)
"""The columns of the table in a study's note; its metric is in the last two."""
YOURS = "*Above is what plantnas writes; what you write below this line stays.*"
"""The end of our part of a study's note."""


def is_installed() -> bool:
    """Whether the extra `dashboard` is."""
    return find_spec("optuna_dashboard") is not None


def publish(study: optuna.Study, database: Database) -> str | None:
    """Puts note, figures and names of the values into a study, in place of those before.

    It is for one process of a study, beside its workers; what the study's other processes write
    is not touched. Whatever goes wrong, nothing is raised: a study must not fail by being shown.

    Args:
        study: To be shown.
        database: With its records.

    Returns:
        Why it was not published, in a line; None if it was.
    """
    if not is_installed():
        return _NOT_INSTALLED
    try:
        from optuna_dashboard import save_plotly_graph_object

        name_values(study)
        records = StudyRecords(database, study.study_name)
        networks = records.networks()
        trials = study.get_trials(deepcopy=False)
        recorded = StudyData(records.record, networks, trials)
        _save_note(study, networks)
        for name, figure in figures(recorded).items():
            save_plotly_graph_object(study, fitted(figure), graph_object_id=name)
    except Exception as error:  # of Optuna, of the database, of a figure: see above
        cause = error.__cause__ if isinstance(error, StorageInternalError) else None
        why = reason(cause or error, database.engine.url.render_as_string(hide_password=False))
        problem = f"{type(cause or error).__name__}: {why}"
        return f"study {study.study_name!r}: cannot be shown: {problem}"
    return None


def serve(
    url: str,
    host: str = "127.0.0.1",
    port: int = 8080,
    ready: Callable[[str], None] = lambda address: None,
) -> None:
    """Runs the dashboard of a database until it is interrupted.

    Args:
        url: The database.
        host: The name or address to listen on; pages are given to who asks for it by that. Who
            reaches it can change and delete studies.
        port: Where to listen; 0 takes a free one.
        ready: Is told the dashboard's address, once it answers there.

    Raises:
        PlantnasError: The extra is missing, or nothing can listen there.
        StorageError: The database cannot be opened.
    """
    with server(url, host, port) as listening:
        try:
            ready(f"http://{host}:{listening.server_port}")
            listening.serve_forever()
        except KeyboardInterrupt:
            return  # how one ends it


def server(url: str, host: str, port: int) -> WSGIServer:
    """The dashboard's server, which listens and does not answer yet.

    Raises:
        PlantnasError: The extra is missing, or nothing can listen there.
        StorageError: The database cannot be opened.
    """
    if not is_installed():
        raise PlantnasError(_NOT_INSTALLED)
    if not host.strip():
        raise PlantnasError(f"host {host!r}: is empty; to listen everywhere, say 0.0.0.0.")
    from optuna_dashboard import wsgi

    arguments = storage_engine_arguments(url)
    check_exists(url)
    check_owner(url)
    try:
        storage = RDBStorage(url, engine_kwargs=arguments)
    except (SQLAlchemyError, ImportError, RuntimeError) as error:
        raise StorageError(f"{shown_url(url)}: cannot be opened: {reason(error, url)}") from error
    set_sqlite_pragmas(storage.engine)
    app = wsgi(optuna.storages.get_storage(storage))  # which reads finished trials once
    try:
        listening = make_server(host, port, app, _ThreadingServer, _SilentHandler)
    except (OSError, OverflowError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise PlantnasError(f"port {port} of {host}: cannot be listened on: {why}.") from error
    listening.set_app(_for_its_own_pages(app, host, str(listening.server_address[0])))
    return listening


def _for_its_own_pages(app: "WSGIApplication", host: str, address: str) -> "WSGIApplication":
    """The app, for browsers that ask for it where it listens, and for its own pages alone.

    A page from elsewhere, whose name its owner lets point to this machine, would otherwise read and
    delete studies: the browser takes it for one of the dashboard's.

    Args:
        app: The dashboard.
        host: Where it listens, as the user says it.
        address: As the system says it.
    """

    names = _names_of(host, address)

    def answer(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        asked, origin = environ.get("HTTP_HOST", ""), environ.get("HTTP_ORIGIN")
        name = _name_in(asked)
        if name not in names and not (address in EVERYWHERE and _is_address(name)):
            why = f"Host {asked!r} is not where this dashboard listens, which is {host}."
        elif origin is not None and urlsplit(origin).netloc != asked:
            why = f"Origin {origin!r} is not this dashboard's own."
        else:
            return app(environ, start_response)
        start_response("403 Forbidden", [("Content-Type", "text/plain; charset=utf-8")])
        return [f"{why}\n".encode()]

    return answer


def _names_of(host: str, address: str) -> set[str]:
    """What a server is called by who may ask for it."""
    names = {host.lower(), address}
    if address in LOOPBACK | EVERYWHERE:
        names |= LOOPBACK
    if address in EVERYWHERE:
        names |= {platform.node().lower(), getfqdn().lower()}
    return names


def _name_in(asked: str) -> str:
    """The name or address in a Host header; its port may be that of a tunnel."""
    try:
        return (urlsplit(f"//{asked}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    """Whether a name is an address, which nobody can let point elsewhere."""
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


_NOT_INSTALLED = missing("optuna-dashboard", "dashboard")


class _ThreadingServer(ThreadingMixIn, WSGIServer):
    """Answers while a browser keeps another connection open, as it does in advance."""

    daemon_threads = True


class _SilentHandler(WSGIRequestHandler):
    """Only the command line prints."""

    def log_message(self, *arguments: Any) -> None:
        """Nothing: a page asks every few seconds."""


def _save_note(study: optuna.Study, networks: Sequence[NetworkRecord]) -> None:
    from optuna_dashboard import get_note, save_note

    before = get_note(study)
    users = (before.partition(YOURS)[2] if YOURS in before else before).strip()
    note = f"{note_text(study.study_name, study_id_of(study), networks)}\n\n{users}".rstrip()
    if note != before:  # who edits it meanwhile must copy the edit
        save_note(study, note)


def note_text(name: str, study_id: int, networks: Sequence[NetworkRecord]) -> str:
    """The Markdown of a study's note: headline, front, how to take a network, caveats.

    Args:
        name: The study's.
        study_id: Optuna's number of it, which is in the dashboard's addresses.
        networks: All of the study.
    """
    parts = [f"### {headline(networks)}"]
    if front_and_references(networks):
        parts.append(_front_table(study_id, networks))
    choice = first_choice(networks)
    if choice is not None:
        assert choice.id is not None
        command = export_command(name, choice.id)
        parts.append(f"To take network {choice.id}:\n\n```\n{command}\n```")
    parts.append("\n".join(f"- {sentence}" for sentence in caveats(1, networks)))
    return "\n\n".join([*parts, YOURS])


def _front_table(study_id: int, networks: Sequence[NetworkRecord]) -> str:
    """The front in Markdown; numbers of trials lead to their pages."""
    teacher, address = teacher_of(networks), f"/dashboard/studies/{study_id}/trials?numbers="
    heading, others = metric_of(networks).heading, cost_columns(networks)
    columns = (*COLUMNS[:-2], *others, f"validation {heading}", f"test {heading}")
    rows = [columns, tuple("---" if name == "made by" else "---:" for name in columns)]
    for record in front_and_references(networks):
        number = record.trial_number
        row = (
            str(record.id),
            record.method,
            "" if record.step is None else str(record.step),
            "" if number is None else f"[{number}]({address}{number})",
            f"{record.parameters:,}",
            f"{100 * record.parameters / teacher.parameters:.1f}" if teacher else "",
            *(cost_text(record, networks) for _ in others),
            accuracy_text(record, "validation"),
            accuracy_text(record, "test"),
        )
        rows.append(row)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def figures(recorded: StudyData) -> dict[str, "go.Figure"]:
    """The plots that Optuna's dashboard has none like, by the names that they have there."""
    from plantnas.report.plotting.pareto import pareto_figure, pareto_info
    from plantnas.report.plotting.widths import widths_figure, widths_info

    return {
        "pareto": pareto_figure(pareto_info(recorded)),
        "widths": widths_figure(widths_info(recorded)),
    }


def fitted(figure: "go.Figure") -> "go.Figure":
    """The figure for the dashboard's frame, without the largest traces where it is too large."""
    sizes = {id(trace): len(trace.to_json()) for trace in figure.data}
    size, left_out = sum(sizes.values()), []
    for trace in sorted(figure.data, key=lambda trace: -sizes[id(trace)]):
        if size > LARGEST_FIGURE:
            size -= sizes[id(trace)]
            left_out.append(trace)
    figure.data = [trace for trace in figure.data if trace not in left_out]
    if left_out:
        names = ", ".join(str(trace.name) for trace in left_out)
        figure.layout.title.text += f"<br><sup>too many to show here: {names}</sup>"
    return figure.update_layout(height=FIGURE_HEIGHT, autosize=True)
