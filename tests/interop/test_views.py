"""Calls, data and maps through the views of the stock client: the same results from every pair as from the stock programs.

Each test states the result that it expects, and compares everything it saw with what the stock pair gives.
"""

import os

import ipyparallel as ipp
import numpy as np
import pytest
from ipyparallel import interactive

from processes import PATIENCE, until

ENGINES = 4


@pytest.fixture
def view(pair):
    """A view on all engines with an empty namespace."""
    view = pair.client[:]
    view.clear(block=True)
    return view


@pytest.fixture
def stock_view(stock):
    """The same of the stock pair."""
    view = stock.client[:]
    view.clear(block=True)
    return view


def both(view, stock_view, behaviour):
    """The result of one behaviour, which must be the stock pair's too."""
    result = behaviour(view)
    assert result == behaviour(stock_view)
    return result


def test_ids_are_ranks(pair):
    assert pair.client.ids == list(range(ENGINES))

    @interactive
    def rank_and_size():
        from mpi4py import MPI

        return MPI.COMM_WORLD.rank, MPI.COMM_WORLD.size

    assert pair.client[:].apply_sync(rank_and_size) == [(rank, ENGINES) for rank in range(ENGINES)]


def test_apply_sync_with_arguments(view, stock_view):
    def call(view):
        return view.apply_sync(interactive(lambda a, b=1, *rest, **more: (a, b, rest, more)), 1, 2, 3, key="word")

    assert both(view, stock_view, call) == [(1, 2, (3,), {"key": "word"})] * ENGINES


def test_apply_one_engine_and_async(view, stock_view):
    def call(view):
        first = view.client[1].apply_async(interactive(lambda: "one")).get(PATIENCE)
        second = view.client[[2, 3]].apply_async(pow, 2, 10).get(PATIENCE)
        return first, second

    assert both(view, stock_view, call) == ("one", [1024, 1024])


def test_metadata_of_an_apply(view, stock_view):
    def call(view):
        result = view.apply_async(interactive(lambda: None))
        result.get(PATIENCE)
        result.wait_for_output(PATIENCE)
        return [
            (
                set(entry),
                entry["engine_id"],
                entry["status"],
                entry["submitted"] <= entry["started"] <= entry["completed"],
                entry["follow"],
                entry["after"],
            )
            for entry in result.metadata
        ]

    for rank, entry in enumerate(both(view, stock_view, call)):
        assert entry[1:4] == (rank, "ok", True)


def test_push_and_pull(view, stock_view):
    values = {"number": 7, "text": "Grüße", "list": [1, [2, {"three": 3}]], "none": None, "bytes": b"\0\xff"}

    def call(view):
        view.push(values, block=True)
        return view.pull(list(values), block=True)

    assert both(view, stock_view, call) == [list(values.values())] * ENGINES


def test_push_and_pull_of_large_arrays(view, stock_view):
    sent = np.arange(2_000_000, dtype="float64").reshape(1000, 2000)

    def call(view):
        view.push({"array": sent}, block=True)
        shapes = view.apply_sync(interactive(lambda: (array.shape, float(array.sum()), array.flags.writeable)))  # noqa: F821
        back = view.client[2].pull("array", block=True)
        return shapes, back.dtype.str, back.tobytes() == sent.tobytes()

    shapes, dtype, same = both(view, stock_view, call)
    assert [shape[:2] for shape in shapes] == [(sent.shape, sent.sum())] * ENGINES
    assert dtype == "<f8" and same


def test_a_pull_of_a_name_that_is_not_there(view, stock_view):
    def call(view):
        try:
            view.client[1].pull("missing", block=True)
        except ipp.RemoteError as error:
            return error.ename, error.evalue, error.engine_info["engine_id"]

    assert both(view, stock_view, call) == ("NameError", "name 'missing' is not defined", 1)


def test_scatter_and_gather(view, stock_view):
    def call(view):
        view.scatter("part", list(range(10)), block=True)
        parts = view["part"]
        view.scatter("array", np.arange(16, dtype="float"), block=True)
        array = view.gather("array", block=True)
        return parts, view.gather("part", block=True), array.dtype.str, array.tolist()

    parts, whole, dtype, array = both(view, stock_view, call)
    assert whole == list(range(10)) and [item for part in parts for item in part] == whole
    assert len(parts) == ENGINES
    assert (dtype, array) == ("<f8", [float(number) for number in range(16)])


def test_map(view, stock_view):
    def call(view):
        return view.map_sync(interactive(lambda a, b: a * b), range(50), range(50, 100))

    assert both(view, stock_view, call) == [a * (a + 50) for a in range(50)]


def test_parallel_decorators(view, stock_view):
    def call(view):
        @view.parallel(block=True)
        @interactive
        def square(numbers):
            return [number**2 for number in numbers]

        @view.remote(block=True)
        @interactive
        def constant():
            return 5

        return square(list(range(8))), constant()

    assert both(view, stock_view, call) == ([number**2 for number in range(8)], [5] * ENGINES)


def test_execute_and_run_a_file(view, stock_view, tmp_path):
    script = tmp_path / "script.py"
    script.write_text("def twice(x):\n    return 2 * x\nfound = twice(21)\n")

    def call(view):
        view.execute("before = [n for n in range(5)]", block=True)
        view.run(str(script), block=True)
        return view.pull(["before", "found"], block=True)

    assert both(view, stock_view, call) == [[[0, 1, 2, 3, 4], 42]] * ENGINES


def test_imports_and_namespaces_stay_apart(view, stock_view):
    def call(view):
        with view.sync_imports(quiet=True):
            import math  # noqa: F401
        view.client[0].push({"only": 1}, block=True)
        names = view.apply_sync(interactive(lambda: ("only" in globals(), globals()["math"].floor(2.5))))
        return names

    assert both(view, stock_view, call) == [(True, 2)] + [(False, 2)] * (ENGINES - 1)


def test_clear_empties_every_namespace(view, stock_view):
    def call(view):
        view.push({"name": 1}, block=True)
        view.clear(block=True)
        return view.apply_sync(interactive(lambda: "name" in globals()))

    assert both(view, stock_view, call) == [False] * ENGINES


def test_a_load_balanced_map_of_2000_tasks(pair):
    """Every task once, results in order, all engines at work."""
    balanced = pair.client.load_balanced_view()

    @interactive
    def task(number):
        import os

        return number * number, os.getpid()

    results = balanced.map_async(task, range(2000), chunksize=1).get(PATIENCE)
    assert [square for square, _ in results] == [number * number for number in range(2000)]
    processes = pair.client[:].apply_sync(os.getpid)
    assert {process for _, process in results} == set(processes)


def test_load_balanced_dependencies(pair):
    """`after` holds a task back until another is done; `follow` sends it to the same engine."""
    balanced = pair.client.load_balanced_view()

    @interactive
    def slow():
        import os
        import time

        time.sleep(0.3)
        return os.getpid(), time.time()

    @interactive
    def stamp():
        import os
        import time

        return os.getpid(), time.time()

    first = balanced.apply_async(slow)
    with balanced.temp_flags(after=[first], follow=[first]):
        second = balanced.apply_async(stamp)
    (engine, done), (same_engine, begun) = first.get(PATIENCE), second.get(PATIENCE)
    assert begun >= done and engine == same_engine


def test_a_broadcast_view(pair, stock):
    def call(client):
        view = client.broadcast_view()
        view.push({"shared": [1, 2, 3]}, block=True)
        return view.apply_sync(interactive(lambda: sum(shared))), client[:]["shared"]  # noqa: F821

    result = call(pair.client)
    assert result == ([6] * ENGINES, [[1, 2, 3]] * ENGINES)
    assert result == call(stock.client)


def test_queries(pair):
    """Queue status, result status, history and a result that is asked for again.

    A hub learns of results beside their way to the client, so what it says is waited for.
    """
    client = pair.client
    result = client[:].apply_async(interactive(lambda: 11))
    result.get(PATIENCE)

    def idle():
        status = client.queue_status()
        engines = [status[engine] for engine in client.ids]
        return status["unassigned"] == 0 and all(
            engine["queue"] == 0 and engine["tasks"] == 0 and engine["completed"] >= 1 for engine in engines
        )

    until(idle, lambda: f"no queue holds a task; they are {client.queue_status()}")

    def known():
        status = client.result_status(result.msg_ids)
        return sorted(status["completed"]) == sorted(result.msg_ids) and status["pending"] == []

    until(known, lambda: f"every result is known; the status is {client.result_status(result.msg_ids)}")
    until(lambda: set(result.msg_ids) <= set(client.hub_history()), "the messages are in the history")
    # From the controller's memory, not the client's.
    again = client.get_result(result.msg_ids, owner=False)
    assert again.get(PATIENCE) == [11] * ENGINES
    client.purge_results(result)
    until(lambda: not set(result.msg_ids) & set(client.hub_history()), "the messages are out of the history")


def test_a_database_query(pair):
    client = pair.client
    result = client[0].apply_async(interactive(lambda: 12))
    result.get(PATIENCE)

    def found():
        records = client.db_query({"msg_id": result.msg_ids[0]}, keys=["msg_id", "engine_uuid", "completed"])
        return [record for record in records if record["completed"] is not None]

    (record,) = until(found, "the record of the finished task")
    assert record["msg_id"] == result.msg_ids[0]
    assert record["engine_uuid"] == result.metadata["engine_uuid"]
