"""Starting programs for a test, and ending exactly those.

Every process gets an IPYTHONDIR of the test's own in its environment and hands it on to what it starts, so the processes
of one test are found by that mark, wherever a launcher or a daemon has put them.
"""

import os
import signal
import subprocess
import time

import psutil

import installed

#: Seconds that anything may take to come about. No test waits so long unless it fails; a busy build server is slow.
PATIENCE = 90

#: Seconds within which what was told to end has ended with all that it started; soon enough to show that it was told to.
GONE = 20

#: What must not leak from the caller's environment into a test.
REMOVED = ("VIRTUAL_ENV", "CONDA_PREFIX", "MPI_HOME", "I_MPI_ROOT", "PYTHONPATH", "LD_LIBRARY_PATH", "MPI4PY_MPIABI")


def until(condition, what, seconds=PATIENCE):
    """Wait until `condition()` is true and return its value; fail with `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(0.02)


def is_running(pid):
    """Whether a process is there and has not ended. One that nobody has reaped yet has ended: whose launcher dies first, that
    one's orphan is left to init, which takes its time."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class Home:
    """A directory of one test, or of one cluster: home, IPython directory, logs, and the processes started in it."""

    def __init__(self, path):
        self.path = path
        self.ipython = path / "ipython"
        self.ipython.mkdir(parents=True)
        self.started = []

    @property
    def security(self):
        """Where the connection files of the default profile are."""
        return self.ipython / "profile_default/security"

    @property
    def client_file(self):
        return self.security / "ipcontroller-client.json"

    @property
    def engine_file(self):
        return self.security / "ipcontroller-engine.json"

    def environment(self, **more):
        """The environment of a user with an active virtual environment and a fresh home."""
        environment = {key: value for key, value in os.environ.items() if key not in REMOVED and not key.startswith("IPP_")}
        environment.update(
            HOME=str(self.path),
            IPYTHONDIR=str(self.ipython),
            VIRTUAL_ENV=str(installed.STOCK.parent),
            PATH=f"{installed.STOCK}:{os.environ['PATH']}",
        )
        environment.update({key: str(value) for key, value in more.items()})
        return environment

    def start(self, *command, environment=None, name=None):
        """Start a program in the background."""
        process = Running(self, [str(word) for word in command], environment or {}, name)
        self.started.append(process)
        return process

    def run(self, *command, environment=None, seconds=PATIENCE):
        """Run a program to its end."""
        process = self.start(*command, environment=environment)
        process.wait(seconds)
        return process

    def processes(self):
        """Every living process of this home."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("IPYTHONDIR") == str(self.ipython):
                    found.append(process)
            except psutil.Error:
                # Gone, or of another user.
                continue
        return found

    def assert_empty(self, seconds=GONE):
        """Fail if a process of this home still lives after `seconds`."""
        until(lambda: not self.processes(), lambda: f"all processes gone; left: {describe(self.processes())}", seconds)

    def close(self):
        """End what is left: asked first, all at once, then by force."""
        living = [process.process for process in self.started if process.status is None]
        for process in living:
            process.terminate()
        deadline = time.monotonic() + 3
        for process in living:
            try:
                process.wait(max(0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for process in self.processes():
            process.kill()


def describe(processes):
    """Process ids and command lines, for messages."""
    lines = []
    for process in processes:
        try:
            lines.append(f"{process.pid} {' '.join(process.cmdline())}")
        except psutil.Error:
            continue
    return lines


class Running:
    """One program that a test started, in a session of its own, with its output in a file."""

    def __init__(self, home, command, environment, name):
        self.command = command
        name = name or os.path.basename(command[0])
        self.log = home.path / f"{len(home.started)}-{name}.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                command,
                env=home.environment(**environment),
                cwd=home.path,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self):
        return self.process.pid

    @property
    def text(self):
        """What it has printed."""
        return self.log.read_text(errors="replace")

    @property
    def status(self):
        """Its exit status, or None while it runs."""
        return self.process.poll()

    def wait(self, seconds=PATIENCE):
        """Its exit status; fails when it does not end within `seconds`."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.command} still runs after {seconds} s; it printed:\n{self.text}") from None

    def must_run(self):
        """Fail with its output when it has ended."""
        assert self.status is None, f"{self.command} ended with {self.status}; it printed:\n{self.text}"
        return self

    def signal(self, number=signal.SIGINT):
        """Send a signal to it, and to nothing that it started."""
        self.process.send_signal(number)

    def ctrl_c(self):
        """What a terminal does on Ctrl-C: an interrupt to the whole process group."""
        os.killpg(self.pid, signal.SIGINT)
