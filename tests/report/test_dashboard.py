"""The stock dashboard shows what was published: asked through its own WSGI app and over HTTP."""

from __future__ import annotations

import json
import platform
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.error import HTTPError
from urllib.request import Request, urlopen
from wsgiref.util import setup_testing_defaults

import optuna
import optuna_dashboard
import plotly.graph_objects as go
import pytest
from optuna.samplers import RandomSampler

from plantnas.errors import PlantnasError, StorageError
from plantnas.records.database import Database
from plantnas.records.optuna_tables import METRIC_NAMES
from plantnas.records.study import StudyRecords
from plantnas.report.dashboard import (
    COLUMNS,
    FIGURE_HEIGHT,
    LARGEST_FIGURE,
    YOURS,
    fitted,
    is_installed,
    note_text,
    publish,
    serve,
    server,
)
from plantnas.report.front import pareto_front
from plantnas.report.headline import headline

if TYPE_CHECKING:
    from tests.conftest import Ended, StudyFolder


class Shown(NamedTuple):
    """A study that may be published.

    Attributes:
        folder: A copy of a finished study.
        study: Optuna's.
        database: Ours.
    """

    folder: StudyFolder
    study: optuna.Study
    database: Database

    def publish(self) -> str | None:
        return publish(self.study, self.database)

    def json(self) -> dict[str, Any]:
        """What the dashboard's page is made of."""
        app = optuna_dashboard.wsgi(self.folder.url)
        environment: dict[str, Any] = {"PATH_INFO": f"/api/studies/{self.study._study_id}"}
        setup_testing_defaults(environment)
        answer: dict[str, Any] = json.loads(b"".join(app(environment, lambda *_: None)))
        return answer

    @property
    def note(self) -> str:
        return str(self.json()["note"]["body"])

    @property
    def figures(self) -> dict[str, Any]:
        """By name, what is given to plotly.js."""
        found = self.json()["plotly_graph_objects"]
        assert len({each["id"] for each in found}) == len(found)
        return {each["id"]: json.loads(each["graph_object"]) for each in found}


@pytest.fixture
def shown(finished: StudyFolder, tmp_path: Path) -> Shown:
    folder = finished.copy(tmp_path / "study")
    study = optuna.load_study(study_name="tiny", storage=folder.url)
    return Shown(folder, study, Database(folder.url))


@pytest.fixture
def without_dashboard(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the extra was not installed."""
    monkeypatch.setitem(sys.modules, "optuna_dashboard", None)


def test_the_note_tells_headline_front_and_where_ours_ends(shown: Shown) -> None:
    assert shown.publish() is None
    networks = StudyRecords(shown.database, "tiny").networks()
    assert shown.note.startswith(f"### {headline(networks)}\n\n| network | made by |")
    assert shown.note.endswith(YOURS)


def test_the_figures_are_shown_in_the_height_of_their_frame(shown: Shown) -> None:
    shown.publish()
    assert shown.figures.keys() == {"pareto", "widths"}
    heights = {figure["layout"]["height"] for figure in shown.figures.values()}
    assert heights == {FIGURE_HEIGHT}


def test_the_published_pareto_plot_has_the_teacher(shown: Shown) -> None:
    shown.publish()
    teacher = StudyRecords(shown.database, "tiny").networks()[0]
    (trace,) = (t for t in shown.figures["pareto"]["data"] if t["name"] == "teacher")
    assert trace["x"] == [teacher.parameters]


def test_a_second_publish_leaves_one_note_and_one_of_each_figure(shown: Shown) -> None:
    shown.publish()
    once = (shown.note, shown.figures)
    shown.publish()
    assert (shown.note, shown.figures) == once
    assert shown.note.count(YOURS) == 1


def test_a_note_that_would_not_change_is_not_written(shown: Shown) -> None:
    shown.publish()
    version = shown.json()["note"]["version"]
    shown.publish()
    assert shown.json()["note"]["version"] == version


@pytest.mark.parametrize("is_published", [False, True])
def test_what_a_user_has_written_stays(shown: Shown, is_published: bool) -> None:
    if is_published:
        shown.publish()
    ours = optuna_dashboard.get_note(shown.study)
    optuna_dashboard.save_note(shown.study, f"{ours}\n\nTrial 3 is *odd*.")
    shown.publish()
    shown.publish()
    assert shown.note.endswith(f"{YOURS}\n\nTrial 3 is *odd*.")
    assert shown.note.count("odd") == shown.note.count("###") == 1


def test_the_front_is_a_table_with_a_row_a_network(shown: Shown) -> None:
    networks = StudyRecords(shown.database, "tiny").networks()
    lines = [line for line in note_text("tiny", 7, networks).splitlines() if line[:1] == "|"]
    header, _, *rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    assert header == list(COLUMNS)
    shown_ids = {int(row[0]) for row in rows}
    assert shown_ids == {each.id for each in pareto_front(networks)} | {1, 2}
    assert {len(row) for row in rows} == {len(COLUMNS)}


def test_a_trial_in_the_front_leads_to_its_page(shown: Shown) -> None:
    networks = StudyRecords(shown.database, "tiny").networks()
    grown = next(each for each in networks if each.kind == "grow")
    number = grown.trial_number
    text = note_text("tiny", 7, [networks[0], grown])
    assert f"[{number}](/dashboard/studies/7/trials?numbers={number})" in text


def test_the_command_of_the_note_exports_the_network(
    finished: StudyFolder, plantnas: Callable[..., Ended], tmp_path: Path
) -> None:
    folder = finished.copy(tmp_path / "here" / "plantnas-studies" / "tiny")
    text = note_text("tiny", 1, folder.records.networks())
    (command,) = (line for line in text.splitlines() if line.startswith("plantnas export"))
    assert plantnas(*command.split()[1:]).exit_code == 0
    assert len(list((tmp_path / "here").glob("tiny-*.pt"))) == 1


def test_a_study_that_has_only_begun_has_a_note() -> None:
    assert note_text("new", 1, []).startswith("### The teacher is not trained yet")


def test_values_without_names_get_those_of_the_search(shown: Shown) -> None:
    unnamed = optuna.create_study(
        study_name="unnamed", storage=shown.folder.url, directions=["maximize", "minimize"]
    )
    publish(unnamed, shown.database)
    assert unnamed.metric_names == METRIC_NAMES


def test_names_that_are_there_stay(shown: Shown) -> None:
    shown.study.set_metric_names(["accuracy", "size"])
    shown.publish()
    assert shown.study.metric_names == ["accuracy", "size"]


def test_a_study_that_is_gone_is_said_and_not_raised(shown: Shown) -> None:
    optuna.delete_study(study_name="tiny", storage=shown.folder.url)
    said = shown.publish()
    assert said is not None
    assert said.startswith("study 'tiny': cannot be shown: ")
    assert "\n" not in said


def test_a_study_without_records_is_said_and_not_raised(shown: Shown) -> None:
    other = optuna.create_study(
        study_name="other", storage=shown.folder.url, directions=["maximize", "minimize"]
    )
    said = publish(other, shown.database)
    assert said is not None
    assert "has no study 'other'" in said


@pytest.mark.usefixtures("without_dashboard")
def test_without_the_extra_nothing_is_published(shown: Shown) -> None:
    assert not is_installed()
    assert shown.publish() == (
        "optuna-dashboard is not installed: pip install 'plantnas[dashboard]'."
    )


def test_publishing_and_workers_do_not_disturb_each_other(shown: Shown) -> None:
    def work() -> None:
        mine = optuna.load_study(
            study_name="tiny", storage=shown.folder.url, sampler=RandomSampler(seed=0)
        )
        for number in range(20):
            trial = mine.ask()
            trial.set_user_attr("reason", f"nothing {number}")
            mine.tell(trial, state=optuna.trial.TrialState.PRUNED)

    before = len(shown.study.trials)
    worker = threading.Thread(target=work)
    worker.start()
    said = [shown.publish() for _ in range(3)]
    worker.join()
    assert said == [None] * 3
    assert len(shown.study.trials) == before + 20
    assert shown.figures.keys() == {"pareto", "widths"}


def test_a_small_figure_keeps_all_its_traces() -> None:
    figure = fitted(go.Figure([go.Scatter(y=[1, 2], name="few")]))
    assert [trace.name for trace in figure.data] == ["few"]
    assert figure.layout.height == FIGURE_HEIGHT


def test_too_large_a_figure_leaves_out_its_largest_traces_and_says_so() -> None:
    many = go.Scatter(y=list(range(LARGEST_FIGURE // 4)), name="screened planting")
    figure = fitted(go.Figure([many, go.Scatter(y=[1, 2], name="few")], {"title": "made-up"}))
    assert [trace.name for trace in figure.data] == ["few"]
    assert "screened planting" in figure.layout.title.text
    assert len(figure.to_json()) < LARGEST_FIGURE


@contextmanager
def served(shown: Shown, host: str) -> Iterator[str]:
    """The address of this machine's own at which a dashboard answers that listens at a host."""
    listening = server(shown.folder.url, host, 0)
    thread = threading.Thread(target=listening.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{listening.server_port}"
    listening.shutdown()
    thread.join()
    listening.server_close()


@pytest.fixture
def address(shown: Shown) -> Iterator[str]:
    """Of a dashboard that answers."""
    shown.publish()
    with served(shown, "127.0.0.1") as found:
        yield found


def test_the_server_gives_the_pages_and_their_script(address: str) -> None:
    for path in ("/dashboard", "/static/bundle.js"):
        with urlopen(f"{address}{path}") as answer:
            assert answer.status == 200


def test_the_server_gives_the_study(address: str, shown: Shown) -> None:
    with urlopen(f"{address}/api/studies/{shown.study._study_id}") as answer:
        assert json.load(answer)["note"]["body"] == shown.note


def status_of(address: str, method: str = "GET", **headers: str) -> int:
    """The answer to a request for the list of studies, with other headers than a browser's own."""
    asked = Request(f"{address}/api/studies", method=method, headers=headers)
    try:
        with urlopen(asked) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code


@pytest.mark.parametrize("host", ["127.0.0.1:1", "localhost", "LOCALHOST:8080", "[::1]:80"])
def test_who_asks_for_where_it_listens_is_answered(address: str, host: str) -> None:
    assert status_of(address, Host=host) == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "10.0.0.1", "localhost.evil.example:80", "["]
)
def test_a_name_that_was_made_to_point_here_is_refused(address: str, host: str) -> None:
    assert status_of(address, Host=host) == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1"])
def test_a_page_from_elsewhere_is_refused(address: str, shown: Shown, origin: str) -> None:
    with pytest.raises(HTTPError, match="403"):
        urlopen(
            Request(
                f"{address}/api/studies/{shown.study._study_id}",
                method="DELETE",
                headers={"Origin": origin},
            )
        )
    assert shown.json()


def test_a_page_of_its_own_is_answered(address: str) -> None:
    assert status_of(address, Origin=address) == 200


@pytest.fixture
def everywhere(shown: Shown) -> Iterator[str]:
    """Of a dashboard that listens at every address of the machine."""
    with served(shown, "0.0.0.0") as found:
        yield found


def test_who_listens_everywhere_is_asked_for_by_any_address_or_its_own_name(
    everywhere: str,
) -> None:
    asked = ("192.0.2.7:80", platform.node(), "localhost", "evil.example")
    assert [status_of(everywhere, Host=host) for host in asked] == [200, 200, 200, 403]


@pytest.mark.parametrize("host", ["", " "])
def test_an_empty_host_is_refused(shown: Shown, host: str) -> None:
    with pytest.raises(PlantnasError, match=r"is empty; to listen everywhere, say 0\.0\.0\.0"):
        serve(shown.folder.url, host)


def test_a_port_that_is_taken_is_refused_in_one_line(address: str, shown: Shown) -> None:
    port = int(address.rpartition(":")[2])
    with pytest.raises(PlantnasError) as error:
        serve(shown.folder.url, port=port)
    assert str(error.value) == (
        f"port {port} of 127.0.0.1: cannot be listened on: Address already in use."
    )


@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", 70_000), ("192.0.2.1", 0)])
def test_a_place_that_does_not_exist_is_refused_in_one_line(
    shown: Shown, host: str, port: int
) -> None:
    with pytest.raises(PlantnasError, match=f"port {port} of {host}: cannot be listened") as error:
        serve(shown.folder.url, host, port)
    assert "\n" not in str(error.value)


@pytest.mark.usefixtures("without_dashboard")
def test_without_the_extra_nothing_is_served(shown: Shown) -> None:
    with pytest.raises(PlantnasError, match=r"pip install 'plantnas\[dashboard\]'"):
        serve(shown.folder.url)


def test_a_database_that_does_not_exist_is_refused_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no such file"):
        serve(f"sqlite:///{tmp_path}/nothing.db")
    assert not list(tmp_path.iterdir())


def test_a_password_is_not_shown() -> None:
    with pytest.raises(StorageError) as error:
        serve("postgresql+nodriver://user:s3cret@127.0.0.1:1/studies")
    assert "s3cret" not in str(error.value)


def test_the_address_is_told_and_an_interrupt_ends_it(shown: Shown) -> None:
    told = []

    def interrupt(address: str) -> None:
        told.append(address)
        raise KeyboardInterrupt

    serve(shown.folder.url, port=0, ready=interrupt)
    assert told[0].startswith("http://127.0.0.1:")
