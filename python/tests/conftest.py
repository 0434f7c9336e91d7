"""What the tests of the engine's Python half start: the stock controller, our engines, the stock client.

Run them with `python -m pytest python/tests` of the virtual environment that `cargo xtask test` makes. The programs come
from $ANYMPI_TEST_PROGRAMS, else from what `.anympi/mpis.json` names.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import ipyparallel as ipp
import pytest
from ipyparallel import interactive
from processes import PATIENCE, until

# Background jobs of scripts run with SIGINT ignored, which what they start would inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parents[2]
SETUP = json.loads(Path(os.environ.get("ANYMPI_TEST_SETUP", ROOT / ".anympi" / "mpis.json")).read_text())
PROGRAMS = Path(os.environ.get("ANYMPI_TEST_PROGRAMS", SETUP["programs"]))
#: Milliseconds between heartbeats: short, so that the stock controller lets engines in quickly.
PING = 200
#: What an engine is told to do while something happens to it lasts longer than any test waits.
LONG = 10 * PATIENCE


@interactive
def hold(begun, end):
    """Run on an engine: say so by a file, and work until another file says that it may end."""
    import pathlib
    import time

    pathlib.Path(begun).touch()
    while not pathlib.Path(end).exists():
        time.sleep(0.01)


class Work:
    """Work that runs on an engine, and lasts until it is told to end or something else ends it."""

    #: The same as a cell, which waits in the event loop.
    CELL = """
import asyncio, pathlib
pathlib.Path({!r}).touch()
while not pathlib.Path({!r}).exists():
    await asyncio.sleep(0.01)
"""

    def __init__(self, view, directory, then=None):
        """Start it as a call, or as a cell with the code `then` behind it, and wait until it runs."""
        number = len(list(directory.glob("*.begun")))
        begun, self._end = directory / f"{number}.begun", directory / f"{number}.end"
        if then is None:
            self.result = view.apply_async(hold, str(begun), str(self._end))
        else:
            code = self.CELL.format(str(begun), str(self._end)) + then
            self.result = view.execute(code, silent=False, block=False)
        until(lambda: begun.exists() or self.result.ready(), "the beginning of the work")

    def end(self):
        """Let it end."""
        self._end.touch()


class Place:
    """A profile directory with a stock controller, and the engines that were started for it."""

    def __init__(self, directory):
        self.directory = directory
        self.processes = []
        self.clients = []
        self.environment = {**os.environ, "HOME": str(directory), "IPYTHONDIR": str(directory / "ipython")}
        self.environment["VIRTUAL_ENV"] = str(Path(SETUP["python"]).parents[1])
        command = [sys.executable, "-m", "ipyparallel.controller", f"--profile-dir={directory}", f"--ping={PING}"]
        self.controller = self.start(command, "controller")
        security = directory / "security"
        files = [security / f"ipcontroller-{role}.json" for role in ("client", "engine")]
        until(lambda: all(file.exists() and file.stat().st_size > 100 for file in files), "the stock controller's start")

    def start(self, command, name, **environment):
        """Start a process whose output goes to a file in the directory."""
        with open(self.directory / f"{name}-{len(self.processes)}.log", "wb") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.directory,
                env={**self.environment, **environment}, start_new_session=True,
            )
        process.log = Path(log.name)
        self.processes.append(process)
        return process

    def engine(self, *arguments, **environment):
        """Start one engine, perhaps below a launcher given as `launcher`."""
        launcher = environment.pop("launcher", [])
        # Engines that compete for a slow machine's cores must not give up on each other's account.
        options = [f"--profile-dir={self.directory}", f"--timeout={PATIENCE}"]
        command = [*launcher, str(PROGRAMS / "ipengine"), *options, *arguments]
        return self.start(command, "engine", **environment)

    def client(self, engines):
        """A client that sees so many engines."""
        client = ipp.Client(profile_dir=str(self.directory), timeout=PATIENCE)
        self.clients.append(client)
        client.wait_for_engines(engines, timeout=PATIENCE)
        return client

    def close(self):
        """End everything that was started, by process id, and check that it ends."""
        for client in self.clients:
            client.close()
        for process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A controller for all tests of a file."""
    place = Place(tmp_path_factory.mktemp("shared"))
    yield place
    place.close()


@pytest.fixture
def place(tmp_path):
    """A controller of the test's own."""
    place = Place(tmp_path)
    yield place
    place.close()


@pytest.fixture(scope="module")
def client(shared):
    """A client of the shared controller with two engines."""
    for _ in range(2):
        shared.engine("--InteractiveShell.colors=nocolor")
    return shared.client(2)


@pytest.fixture
def view(client):
    """The first engine, with an empty namespace."""
    view = client[client.ids[0]]
    view.block = True
    client.clear(targets=view.targets, block=True)
    return view


@pytest.fixture(params=SETUP["mpis"], ids=lambda mpi: mpi["name"])
def mpi(request):
    """Each MPI under test."""
    return request.param
