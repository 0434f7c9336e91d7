"""Exceptions in engines: the same error, in the same place, with the same text, from every pair as from the stock programs."""

import re

import ipyparallel as ipp
import pytest
from ipyparallel import interactive

from processes import PATIENCE

ENGINES = 4


def plain(text):
    """Without colours and the engine's own frames, with one word for what differs from run to run."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    # A frame is its lines up to an empty one. Those above the user's function are the engine's affair.
    text = re.sub(r"File [^\n]*(?:ipyparallel/engine/kernel\.py|<string>|<apply>)[^\n]*\n(?:[^\n]+\n)*\n", "", text)
    text = re.sub(r"<ipython-input-[^>]*>|Cell In\[\d+\]|(?:/tmp/ipykernel_\d+/)?\b\d+\.py", "CELL", text)
    text = re.sub(r"In \[\d+\]|In\[\d+\]", "IN", text)
    return re.sub(r"0x[0-9a-f]+", "ADDRESS", text)


def caught(call):
    """What a user sees of the error that `call` raises."""
    with pytest.raises((ipp.RemoteError, ipp.error.CompositeError)) as info:
        call()
    error = info.value
    if isinstance(error, ipp.error.CompositeError):
        single = [
            (name, plain(value), plain(trace), where["engine_id"], where["method"])
            for name, value, trace, where in error.elist
        ]
    else:
        where = error.engine_info
        trace = plain(error.traceback)
        single = [(error.ename, plain(error.evalue), trace, where["engine_id"], where["method"])]
    return type(error).__name__, plain(str(error)), single


@interactive
def fails_on_one():
    from mpi4py import MPI

    if MPI.COMM_WORLD.rank == 2:
        raise ValueError("only here")
    return "fine"


def test_an_exception_in_one_engine(pair, stock):
    def call(cluster):
        return caught(lambda: cluster.client[:].apply_sync(fails_on_one))

    kind, text, errors = call(pair)
    assert kind == "CompositeError"
    assert [(name, value, engine) for name, value, _, engine, _ in errors] == [("ValueError", "only here", 2)]
    assert (kind, text, errors) == call(stock)


def test_the_other_engines_results_are_not_lost(pair):
    result = pair.client[:].apply_async(fails_on_one)
    result.wait(PATIENCE)
    assert not result.successful()
    values = result.get(return_exceptions=True)
    assert [value for value in values if value == "fine"] == ["fine"] * (ENGINES - 1)
    assert isinstance(values[2], ipp.RemoteError)


def test_an_exception_in_executed_code(pair, stock):
    code = "def broken(x):\n    return 1 / x\nbroken(0)\n"

    def call(cluster):
        return caught(lambda: cluster.client[1].execute(code, block=True))

    kind, text, errors = call(pair)
    (name, value, trace, engine, method) = errors[0]
    assert (name, value, engine, method) == ("ZeroDivisionError", "division by zero", 1, "execute")
    assert "return 1 / x" in trace and "broken(0)" in trace
    assert (kind, text, errors) == call(stock)


def test_a_syntax_error(pair, stock):
    def call(cluster):
        return caught(lambda: cluster.client[0].execute("def (", block=True))

    kind, text, errors = call(pair)
    assert errors[0][0] == "SyntaxError"
    assert (kind, text, errors) == call(stock)


def test_system_exit_is_an_error_of_the_task_only(pair, stock):
    def call(cluster):
        return caught(lambda: cluster.client[3].execute("raise SystemExit(3)", block=True))[2][0][:2]

    assert call(pair) == call(stock) == ("SystemExit", "3")
    assert pair.client[3].apply_sync(interactive(lambda: "alive")) == "alive"


def test_an_exception_of_the_users_own_class(pair, stock):
    @interactive
    def call():
        class Odd(Exception):
            def __str__(self):
                return "quite odd: é"

        raise Odd

    assert caught(lambda: pair.client[0].apply_sync(call)) == caught(lambda: stock.client[0].apply_sync(call))


def test_a_result_that_cannot_be_sent(pair, stock):
    @interactive
    def call():
        import threading

        return threading.Lock()

    (error,) = caught(lambda: pair.client[0].apply_sync(call))[2]
    (expected,) = caught(lambda: stock.client[0].apply_sync(call))[2]
    assert error[0] == expected[0] == "TypeError"
    assert error[1] == expected[1]


def test_an_error_in_a_load_balanced_task(pair):
    @interactive
    def reciprocal(number):
        return 1 / number

    result = pair.client.load_balanced_view().map_async(reciprocal, range(5), chunksize=1)
    errors = caught(lambda: result.get(PATIENCE))[2]
    assert [error[:2] for error in errors] == [("ZeroDivisionError", "division by zero")]


def test_an_unmet_dependency_is_reported(pair, stock):
    """A task that no engine can run fails with the scheduler's own error."""

    def call(cluster):
        balanced = cluster.client.load_balanced_view()
        failing = balanced.apply_async(interactive(lambda: 1 / 0))
        failing.wait(PATIENCE)
        with balanced.temp_flags(after=ipp.Dependency([failing], success=True, failure=False)):
            impossible = balanced.apply_async(interactive(lambda: None))
        with pytest.raises(ipp.RemoteError) as info:
            impossible.get(PATIENCE)
        return info.value.ename

    assert call(pair) == call(stock) == "ImpossibleDependency"
