"""What reaches an engine beside its work: interrupts, aborts, signals; answered while user code runs."""

import signal
import time

import ipyparallel as ipp
import pytest
from ipyparallel import interactive

from processes import until


def ename(result, seconds=20):
    """The name of the error that a result of one engine has."""
    result.wait(seconds)
    assert result.ready(), f"no answer within {seconds} s"
    error = result.get(return_exceptions=True)
    error = error[0] if isinstance(error, list) else error
    assert isinstance(error, ipp.error.IPythonError), error
    return error.ename if isinstance(error, ipp.RemoteError) else type(error).__name__


def alive(engine):
    """Whether an engine still works."""
    return engine.apply_sync(interactive(lambda: "alive")) == "alive"


@interactive
def sleeps(seconds):
    import time

    time.sleep(seconds)
    return seconds


def interrupted(cluster, start, seconds=10):
    """Start something long on engine 1, interrupt it there, and tell how it ended and that this was soon."""
    engine = cluster.client[1]
    engine.apply_sync(interactive(lambda: None))
    result = start(engine)
    time.sleep(1)
    begun = time.monotonic()
    cluster.client.send_signal(signal.SIGINT, targets=[1], block=True)
    name = ename(result)
    assert time.monotonic() - begun < seconds
    assert alive(engine)
    return name


def test_an_interrupt_of_a_sleeping_apply(pair, stock):
    def call(cluster):
        return interrupted(cluster, lambda engine: engine.apply_async(sleeps, 60))

    assert call(pair) == call(stock) == "KeyboardInterrupt"


def test_an_interrupt_of_a_sleeping_execute(pair, stock):
    def call(cluster):
        return interrupted(cluster, lambda engine: engine.execute("import time; time.sleep(60)"))

    assert call(pair) == call(stock) == "KeyboardInterrupt"


def test_an_interrupt_of_a_busy_loop(pair):
    assert interrupted(pair, lambda engine: engine.execute("while True: pass")) == "KeyboardInterrupt"


def test_an_interrupt_of_an_idle_engine_harms_nothing(pair):
    pair.client.send_signal(signal.SIGINT, targets=[0, 1], block=True)
    time.sleep(0.5)
    assert alive(pair.client[0]) and alive(pair.client[1])


def test_another_signal_reaches_the_users_handler(pair):
    engine = pair.client[2]
    code = "import signal\ncaught = []\nprevious = signal.signal(signal.SIGUSR1, lambda *_: caught.append(1))"
    engine.execute(code, block=True)
    pair.client.send_signal(signal.SIGUSR1, targets=[2], block=True)
    until(lambda: engine.pull("caught", block=True) == [1], 10, "the handler was called once")
    engine.execute("signal.signal(signal.SIGUSR1, previous)", block=True)


def test_abort_of_what_waits(pair, stock):
    """A queued task is aborted; the one that runs is not."""

    def call(cluster):
        engine = cluster.client[0]
        running = engine.apply_async(sleeps, 1.5)
        waiting = [engine.apply_async(sleeps, 0), engine.execute("1")]
        time.sleep(0.3)
        cluster.client.abort([message for result in waiting for message in result.msg_ids], targets=[0], block=True)
        names = [ename(result) for result in waiting]
        return running.get(20), names, alive(engine)

    assert call(pair) == call(stock) == (1.5, ["TaskAborted", "TaskAborted"], True)


def test_abort_of_everything_that_waits(pair):
    engine = pair.client[3]
    running = engine.apply_async(sleeps, 1.5)
    waiting = [engine.apply_async(sleeps, 0) for _ in range(3)]
    time.sleep(0.3)
    pair.client.abort(targets=[3], block=True)
    assert [ename(result) for result in waiting] == ["TaskAborted"] * 3
    assert running.get(20) == 1.5
    assert alive(engine)


def test_tasks_that_wait_behind_an_error_still_run(pair):
    engine = pair.client[1]
    results = [engine.execute("1/0"), engine.apply_async(sleeps, 0)]
    assert ename(results[0]) == "ZeroDivisionError"
    assert results[1].get(20) == 0


@pytest.mark.parametrize("seconds", [6])
def test_heartbeats_are_answered_while_code_holds_the_engine(pair, seconds):
    """Longer than the controller's patience: ten heartbeats of a quarter of a second."""
    result = pair.client[0].execute(f"import time\nend = time.time() + {seconds}\nwhile time.time() < end: pass")
    result.get(seconds + 20)
    assert pair.client.ids == [0, 1, 2, 3]
