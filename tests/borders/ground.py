"""Where cases are tried out: the files that they need, and what was wrong with how they ended."""

import contextlib
import os
import shutil
import signal
import sqlite3
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from io import StringIO
from pathlib import Path
from typing import Any

from tests.borders.cases import FOREIGN, Case

CODES = {0, 1, 2}
"""The exit codes that a command may have here: 70 tells of a defect, 130 of an interrupt."""

LONGEST_SECONDS = 60


@dataclass
class Ground:
    """A folder with what cases need.

    Attributes:
        folder: It.
        finished: The folder of a finished study by the name of `tiny`.
        found: What was wrong, by kind, with the cases.
    """

    folder: Path
    finished: Path
    found: dict[str, list[tuple[str, Case]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        (self.folder / "foreign" / "FOLDER").mkdir(parents=True)
        (self.folder / "here").mkdir()
        foreign = self.folder / "foreign"
        self.finished = _clean(self.finished, self.folder / "finished")
        shutil.copytree(self.finished, foreign / "STUDY")
        optuna.create_study(storage=f"sqlite:///{foreign}/OPTUNA", study_name="tiny")
        with contextlib.closing(sqlite3.connect(foreign / "OTHER")) as connection:
            connection.execute("CREATE TABLE studies (id INTEGER)")
            connection.execute("INSERT INTO studies VALUES (3)")
            connection.commit()
        (foreign / "EMPTY").touch()
        (foreign / "TEXT").write_text("no database at all\n" * 50)
        self._before = self._seen()

    @cached_property
    def checkpoint(self) -> bytes:
        """A state_dict of plain-small."""
        from io import BytesIO

        import torch

        from plantnas.networks.loader import build_network

        file = BytesIO()
        torch.save(build_network("plain-small", 10, 1).state_dict(), file)
        return file.getvalue()

    @cached_property
    def family(self) -> bytes:
        """A family file of the finished study."""
        from plantnas.report.export.choice import Wanted
        from plantnas.report.export.saving import Files, save

        path, url = self.folder / "family", f"sqlite:///{self.finished}/study.db"
        list(save(url, "tiny", Wanted(), Files(family=path)))
        return path.read_bytes()

    @cached_property
    def image(self) -> bytes:
        """A small PNG file."""
        from io import BytesIO

        from PIL import Image

        file = BytesIO()
        Image.effect_noise((20, 12), 50).save(file, "PNG")
        return file.getvalue()

    def check(self, case: Case) -> None:
        """Does what a case says, and keeps what is wrong with how it ended."""
        here, before = Path.cwd(), dict(os.environ)
        os.chdir(self.folder / "here")
        signal.signal(signal.SIGALRM, _too_long)
        signal.alarm(LONGEST_SECONDS)
        try:
            self._do(case)
        except BaseException as error:  # whatever it is, no case may raise it
            if isinstance(error, KeyboardInterrupt):
                raise
            self._keep("traceback", f"{type(error).__name__}: {error}", case, error)
        finally:
            signal.alarm(0)
            os.chdir(here)
            os.environ.clear()
            os.environ.update(before)
        if (now := self._seen()) != self._before:
            self._keep("foreign file", str(dict(now.items() - self._before.items())), case)
            self._before = now
        shutil.rmtree(self.folder / "here")
        (self.folder / "here").mkdir()

    def _do(self, case: Case) -> None:
        match case.kind:
            case "study":
                self._study(case)
            case "command":
                self._command(case, self._placed(case.words))
            case "rows" | "bytes":
                self._database(case)
            case _:
                self._file(case)

    def _study(self, case: Case) -> None:
        from plantnas.config_files import load_study
        from plantnas.errors import PlantnasError

        path = Path("mine.yaml")
        path.write_text(case.words[0], errors="surrogatepass")
        try:
            load_study(str(path))
        except PlantnasError as error:
            self._one_line(str(error), case)
            self._command(case, ["run", "./mine.yaml"], codes={2})

    def _file(self, case: Case) -> None:
        from plantnas.errors import PlantnasError

        try:
            {"checkpoint": self._checkpoint, "family": self._family}.get(case.kind, self._images)(
                case
            )
        except PlantnasError as error:
            self._one_line(str(error), case)

    def _checkpoint(self, case: Case) -> None:
        from plantnas.networks.loader import build_network
        from plantnas.networks.pretrained import load_pretrained
        from plantnas.search_space import SearchSpace

        Path("a.pt").write_bytes(changed(self.checkpoint, case.changes))
        network = build_network("plain-small", 10, 1)
        space = SearchSpace(architecture="plain-small")
        load_pretrained(network, space, "a.pt", {"classifier.weight", "classifier.bias"})
        self._finite(network, case)

    def _family(self, case: Case) -> None:
        from plantnas.records.family import load_family

        Path("family").write_bytes(changed(self.family, case.changes))
        self._finite(load_family("family"), case)

    def _finite(self, network: Any, case: Case) -> None:
        if not all(tensor.isfinite().all() for tensor in network.state_dict().values()):
            self._keep("traceback", "weights that are not finite", case)

    def _images(self, case: Case) -> None:
        from plantnas.config import Data
        from plantnas.training.data import load_dataset

        if case.kind == "numbers":
            pixels = bytes([0, 0, 8, 3, 0, 0, 0, 4, 0, 0, 0, 2, 0, 0, 0, 2]) + bytes(range(16))
            labels = bytes([0, 0, 8, 1, 0, 0, 0, 4]) + bytes(range(4))
            Path("train-images-idx3-ubyte").write_bytes(changed(pixels, case.changes[::2]))
            Path("train-labels-idx1-ubyte").write_bytes(changed(labels, case.changes[1::2]))
            load_dataset(Data(name="fashion-mnist", root=".", validation=1), 0)
            return
        for name in ("ant", "bee"):
            Path("train", name).mkdir(parents=True)
            Path("train", name, "a.png").write_bytes(self.image)
        Path("train", "ant", "b.jpg").write_bytes(changed(self.image, case.changes))
        load_dataset(Data(name="imagefolder", root=".", validation=1, image_size=8), 0)

    def _database(self, case: Case) -> None:
        """Reads a database that is damaged: its file, or a value in it."""
        shutil.copytree(self.finished, "study")
        file = Path("study", "study.db")
        if case.row is None:
            file.write_bytes(changed(file.read_bytes(), case.changes))
        else:
            table, column, value = case.row
            refused = contextlib.suppress(sqlite3.Error, OverflowError, UnicodeEncodeError)
            with contextlib.closing(sqlite3.connect(file)) as connection, refused, connection:
                connection.execute(f"UPDATE {table} SET {column} = ?", [value])
        content = file.read_bytes()
        outputs = {"report": ["--out", "a.html"], "export": ["--output", "a.pt"]}
        more = outputs.get(case.words[0], [])
        self._command(
            case, [case.words[0], "tiny", "--storage", f"sqlite:///{file.resolve()}", *more]
        )
        if file.read_bytes() != content:
            self._keep("foreign file", "the damaged database was written to", case)

    def _placed(self, words: Sequence[str]) -> list[str]:
        foreign = self.folder / "foreign"
        places = {name: f"sqlite:///{foreign}/{name}" for name in FOREIGN}
        places["STUDY"] = f"sqlite:///{foreign}/STUDY/study.db"
        return [places.get(word, word) for word in words]

    def _command(self, case: Case, words: Sequence[str], codes: set[int] = CODES) -> None:
        from plantnas.cli import main

        argv, out, complaint = sys.argv, StringIO(), StringIO()
        sys.argv = ["plantnas", *words]
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(complaint):
                main()
            code: object = 0
        except SystemExit as ended:
            code = ended.code or 0
        finally:
            sys.argv = argv
        if code == 70:
            self._keep("traceback", complaint.getvalue(), case)
        elif code not in codes:
            self._keep("exit code", f"{code}: {complaint.getvalue()}", case)
        elif code == 2 and (complaint.getvalue() or not out.getvalue()):  # or help was shown
            self._one_line(complaint.getvalue().removesuffix("\n"), case)

    def _one_line(self, message: str, case: Case) -> None:
        if not message or "\n" in message or not message.isprintable():
            self._keep("exit code", f"not one line: {message!r}", case)

    def _keep(
        self, what: str, message: str, case: Case, error: BaseException | None = None
    ) -> None:
        from traceback import extract_tb

        frames = extract_tb(error.__traceback__)[-3:] if error is not None else []
        where = " < ".join(f"{Path(each.filename).name}:{each.lineno}" for each in reversed(frames))
        self.found.setdefault(what, []).append((f"{message[:300]} {where}", case))

    def _seen(self) -> dict[str, tuple[int, int]]:
        """The files of others, each with its size and when it was written to."""
        files = (self.folder / "foreign").rglob("*")
        stats = {str(file): file.stat() for file in files}
        return {
            name: (stat.st_size, 0 if Path(name).is_dir() else stat.st_mtime_ns)
            for name, stat in stats.items()
        }


def _clean(study: Path, folder: Path) -> Path:
    """A copy of a study's folder whose database is one file, as after its last process."""
    shutil.copytree(study, folder, ignore=shutil.ignore_patterns("study.db*"))
    source, copy = (sqlite3.connect(each / "study.db") for each in (study, folder))
    with contextlib.closing(source), contextlib.closing(copy):
        source.backup(copy)
    return folder


def changed(content: bytes, changes: Sequence[tuple[int, int]]) -> bytes:
    """A file with other bytes; where -1 is put it is cut off."""
    damaged = bytearray(content)
    for place, byte in changes:
        if damaged and byte >= 0:
            damaged[place % len(damaged) if place >= 0 else max(place, -len(damaged))] = byte
        elif byte < 0:
            del damaged[abs(place) :]
    return bytes(damaged)


def _too_long(*_: object) -> None:
    raise TimeoutError(f"longer than {LONGEST_SECONDS} seconds")
