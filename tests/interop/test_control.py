"""What reaches an engine beside its work: interrupts, aborts, signals; answered while user code runs."""

import signal
import time

import ipyparallel as ipp
import pytest
from ipyparallel import interactive

from processes import PATIENCE, until

#: What an engine is told to do while it is interrupted lasts longer than any test waits.
LONG = 10 * PATIENCE


def ename(result):
    """The name of the error that a result of one engine has."""
    result.wait(PATIENCE)
    assert result.ready(), f"no answer within {PATIENCE} s"
    error = result.get(return_exceptions=True)
    error = error[0] if isinstance(error, list) else error
    assert isinstance(error, ipp.error.IPythonError), error
    return error.ename if isinstance(error, ipp.RemoteError) else type(error).__name__


def alive(engine):
    """Whether an engine still works."""
    return engine.apply_sync(interactive(lambda: "alive")) == "alive"


@interactive
def sleeps(begun, seconds):
    """Say that it runs, by a file, and sleep."""
    import pathlib
    import time

    pathlib.Path(begun).touch()
    time.sleep(seconds)


@interactive
def holds(begun, end):
    """Say that it runs, by a file, and work until another file says that it may end."""
    import pathlib
    import time

    pathlib.Path(begun).touch()
    while not pathlib.Path(end).exists():
        time.sleep(0.01)
    return "held"


def interrupted(cluster, directory, start):
    """Start something long on engine 1, interrupt it there once it runs, and tell how it ended."""
    engine = cluster.client[1]
    begun = directory / f"{cluster.controller_owner}-{cluster.engine_owner}"
    result = start(engine, str(begun))
    until(begun.exists, lambda: f"the code begins; {cluster.logs()}")
    cluster.client.send_signal(signal.SIGINT, targets=[1], block=True)
    name = ename(result)
    assert alive(engine)
    return name


def test_an_interrupt_of_a_sleeping_apply(pair, stock, tmp_path):
    def call(cluster):
        return interrupted(cluster, tmp_path, lambda engine, begun: engine.apply_async(sleeps, begun, LONG))

    assert call(pair) == "KeyboardInterrupt"
    assert pair is stock or call(stock) == "KeyboardInterrupt"


def test_an_interrupt_of_a_sleeping_execute(pair, stock, tmp_path):
    def call(cluster):
        code = "import pathlib, time\npathlib.Path({!r}).touch()\ntime.sleep({})"
        return interrupted(cluster, tmp_path, lambda engine, begun: engine.execute(code.format(begun, LONG)))

    assert call(pair) == "KeyboardInterrupt"
    assert pair is stock or call(stock) == "KeyboardInterrupt"


def test_an_interrupt_of_a_busy_loop(pair, tmp_path):
    code = "import pathlib\npathlib.Path({!r}).touch()\nwhile True: pass"
    assert interrupted(pair, tmp_path, lambda engine, begun: engine.execute(code.format(begun))) == "KeyboardInterrupt"


def test_an_interrupt_of_an_idle_engine_harms_nothing(pair):
    pair.client.send_signal(signal.SIGINT, targets=[0, 1], block=True)
    # Time in which it could do harm.
    time.sleep(0.5)
    assert alive(pair.client[0]) and alive(pair.client[1])


def test_another_signal_reaches_the_users_handler(pair):
    engine = pair.client[2]
    code = "import signal\ncaught = []\nprevious = signal.signal(signal.SIGUSR1, lambda *_: caught.append(1))"
    engine.execute(code, block=True)
    pair.client.send_signal(signal.SIGUSR1, targets=[2], block=True)
    until(lambda: engine.pull("caught", block=True) == [1], "the handler was called once")
    engine.execute("signal.signal(signal.SIGUSR1, previous)", block=True)


class Held:
    """An engine that works until told to end, with tasks waiting behind that work."""

    def __init__(self, cluster, target, directory, waiting):
        engine = cluster.client[target]
        names = [directory / f"{cluster.controller_owner}-{cluster.engine_owner}-{word}" for word in ("begun", "end")]
        begun, self.end = names
        self.running = engine.apply_async(holds, *map(str, names))
        until(begun.exists, lambda: f"the code begins; {cluster.logs()}")
        self.waiting = [send(engine) for send in waiting]
        queued = 1 + len(waiting)
        until(lambda: cluster.client.queue_status()[target]["queue"] == queued, f"{queued} tasks on engine {target}")
        # On the way there, rather; no engine tells what it has received.
        time.sleep(0.5)

    def release(self):
        """End the work; its result."""
        self.end.touch()
        return self.running.get(PATIENCE)


@interactive
def nothing():
    return 0


def test_abort_of_what_waits(pair, stock, tmp_path):
    """A queued task is aborted; the one that runs is not."""

    def call(cluster):
        held = Held(cluster, 0, tmp_path, [lambda engine: engine.apply_async(nothing), lambda engine: engine.execute("1")])
        messages = [message for result in held.waiting for message in result.msg_ids]
        cluster.client.abort(messages, targets=[0], block=True)
        return held.release(), [ename(result) for result in held.waiting], alive(cluster.client[0])

    expected = ("held", ["TaskAborted", "TaskAborted"], True)
    assert call(pair) == expected
    assert pair is stock or call(stock) == expected


def test_abort_of_everything_that_waits(pair, tmp_path):
    held = Held(pair, 3, tmp_path, [lambda engine: engine.apply_async(nothing)] * 3)
    pair.client.abort(targets=[3], block=True)
    assert held.release() == "held"
    assert [ename(result) for result in held.waiting] == ["TaskAborted"] * 3
    assert alive(pair.client[3])


def test_tasks_that_wait_behind_an_error_still_run(pair):
    engine = pair.client[1]
    results = [engine.execute("1/0"), engine.apply_async(nothing)]
    assert ename(results[0]) == "ZeroDivisionError"
    assert results[1].get(PATIENCE) == 0


@pytest.mark.parametrize("seconds", [6])
def test_heartbeats_are_answered_while_code_holds_the_engine(pair, seconds):
    """Longer than the controller's patience: ten heartbeats of a quarter of a second."""
    result = pair.client[0].execute(f"import time\nend = time.time() + {seconds}\nwhile time.time() < end: pass")
    result.get(seconds + PATIENCE)
    assert pair.client.ids == [0, 1, 2, 3]
