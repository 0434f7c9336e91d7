"""Engines that are one MPI_COMM_WORLD, on every library, and what --mpi puts into their namespaces."""

import os
import signal
import time
from pathlib import Path

import pytest
from conftest import LONG, PROGRAMS, SETUP
from processes import PATIENCE, is_running, until

# Functions are sent as if they had been typed at a prompt: their globals are the engine's namespace.
__name__ = "__main__"

SUM = """
import numpy
from mpi4py import MPI
def psum(a):
    total = numpy.array(0.0)
    MPI.COMM_WORLD.Allreduce(numpy.sum(a), total, op=MPI.SUM)
    return float(total)
"""


def start(place, mpi, ranks, selection):
    """Engines under the library's own launcher."""
    launcher = [mpi["launcher"], *mpi["launcher_arguments"], "-n", str(ranks)]
    return place.engine(f"--mpi{selection}", launcher=launcher, **mpi["environment"])


def named(mpi):
    """A selection of this very library."""
    return f"={mpi['backend']}:{mpi['library']}"


@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_a_sum_over_all_ranks(place, mpi, ranks):
    launched = start(place, mpi, ranks, named(mpi))
    client = place.client(ranks)
    assert sorted(client.ids) == list(range(ranks))
    view = client[list(range(ranks))]
    assert view["mpi_rank"] == list(range(ranks)) and view["mpi_size"] == [ranks] * ranks
    view.execute(SUM, block=True)
    view.scatter("a", list(map(float, range(16))), block=True)
    assert view.apply_sync(lambda: psum(a)) == [120.0] * ranks  # noqa: F821
    assert view.apply_sync(lambda: MPI.COMM_WORLD.Get_size()) == [ranks] * ranks  # noqa: F821
    assert set(view.apply_sync(lambda: MPI.Query_thread() == MPI.THREAD_MULTIPLE)) == {True}  # noqa: F821

    def libraries():
        import os

        with open("/proc/self/maps") as maps:
            paths = {line.split(None, 5)[5].strip() for line in maps if line.count("/") and "libmpi" in line}
        return [os.path.realpath(path) for path in paths if "libmpi" in os.path.basename(path).split(".so")[0][:6]]

    found = {path for paths in view.apply_sync(libraries) for path in paths if not path.endswith("(deleted)")}
    own = os.path.realpath(mpi["library"])
    others = {path for path in found if path != own and os.path.basename(path).startswith(("libmpi.so", "libmpich.so"))}
    assert own in found and not others, "mpi4py is bound to the library that was chosen, and to no other"
    client.shutdown(targets="all", block=True)
    assert launched.wait(PATIENCE) == 0, launched.log.read_text()


#: Every library of every MPI: those that have two ABIs have two.
LIBRARIES = [
    (mpi, backend, library)
    for mpi in SETUP["mpis"]
    for backend, library in ((mpi["backend"], mpi["library"]), ("abi", mpi["abi_library"]))
    if library
]


@pytest.mark.parametrize(("mpi", "backend", "library"), LIBRARIES, ids=[f"{mpi['name']}-{name}" for mpi, name, _ in LIBRARIES])
def test_a_mpi4py_of_the_standard_abi_works_on_every_library(place, mpi, backend, library):
    """One build of mpi4py for all: bound to our libmpi_abi.so.1, in front of the library that was chosen."""
    site = Path(SETUP["root"]) / ".anympi/mpi4py-abi/site"
    assert (site / "mpi4py").is_dir(), f"no mpi4py for the standard ABI in {site}: run `cargo xtask setup --tests`"
    launcher = [mpi["launcher"], *mpi["launcher_arguments"], "-n", "2"]
    environment = {**mpi["environment"], "PYTHONPATH": str(site)}
    launched = place.engine(f"--mpi={backend}:{library}", launcher=launcher, **environment)
    view = place.client(2)[[0, 1]]
    view.execute(SUM, block=True)
    view.scatter("a", list(map(float, range(16))), block=True)
    assert view.apply_sync(lambda: psum(a)) == [120.0] * 2  # noqa: F821

    def look():
        import os

        from mpi4py import MPI

        with open("/proc/self/maps") as maps:
            files = {line.split(None, 5)[5].strip() for line in maps if "/" in line}
        try:
            MPI.COMM_WORLD.Send(b"", dest=99)
        except MPI.Exception as error:
            refused = error.Get_error_class() == MPI.ERR_RANK
        libraries = {os.path.realpath(file) for file in files if os.path.basename(file).startswith(("libmpi.", "libmpich.", "libmpi_abi."))}
        return MPI.__file__, MPI.COMM_WORLD.Get_size(), " ".join(MPI.Get_library_version().split()), refused, libraries

    ours = next(file for file in map(PROGRAMS.joinpath, ("libmpi_abi.so.1", "libmpi_abi.so")) if file.exists())
    for module, size, version, refused, libraries in view.apply_sync(look):
        assert Path(module).is_relative_to(site) and size == 2 and refused
        assert version.startswith(mpi["announces"])
        assert libraries == {os.path.realpath(library), os.path.realpath(ours)}
    place.clients[0].shutdown(targets="all", block=True)
    assert launched.wait(PATIENCE) == 0, launched.log.read_text()


#: Open MPI 4, which lacks partitioned communication, by itself and, where it is installed, through Trilinos, which brings it up
#: past our table.
EMULATED = [
    pytest.param(mpi, selection, id=selection.partition(":")[0])
    for mpi in SETUP["mpis"]
    if mpi["name"] == "openmpi4"
    for selection in [f"openmpi:{mpi['library']}"] + ["trilinos"] * bool(SETUP["pytrilinos"])
]


@pytest.mark.parametrize(("mpi", "selection"), EMULATED)
def test_what_is_emulated_works_in_a_mpi4py_of_the_standard_abi(place, mpi, selection):
    """The engine brings MPI up, not libmpi_abi.so.1: both have one table, so what was made then is there for both."""
    launcher = [mpi["launcher"], *mpi["launcher_arguments"], "-n", "2"]
    environment = {**mpi["environment"], "PYTHONPATH": str(Path(SETUP["root"]) / ".anympi/mpi4py-abi/site")}
    launched = place.engine(f"--mpi={selection}", launcher=launcher, **environment)
    view = place.client(2)[[0, 1]]

    def exchange():
        import numpy
        from mpi4py import MPI

        rank = MPI.COMM_WORLD.Get_rank()
        sent, received = numpy.arange(8.0) + 100 * rank, numpy.zeros(8)
        requests = [MPI.COMM_WORLD.Precv_init(received, 2, 1 - rank, 5), MPI.COMM_WORLD.Psend_init(sent, 2, 1 - rank, 5)]
        MPI.Prequest.Startall(requests)
        requests[1].Pready(1)
        requests[1].Pready(0)
        MPI.Prequest.Waitall(requests)
        for request in requests:
            request.Free()
        return received.tolist()

    assert view.apply_sync(exchange) == [[100.0 * (1 - rank) + at for at in range(8)] for rank in range(2)]
    place.clients[0].shutdown(targets="all", block=True)
    assert launched.wait(PATIENCE) == 0, launched.log.read_text()


@pytest.mark.parametrize(("selection", "has_mpi4py"), [("", True), ("=mpi4py", True), ("=auto", False)])
def test_what_the_namespace_gets(place, mpi, selection, has_mpi4py):
    start(place, mpi, 2, selection)
    view = place.client(2)[[0, 1]]
    assert view["mpi_rank"] == [0, 1] and view["mpi_size"] == [2, 2]
    assert view.apply_sync(lambda: "MPI" in globals()) == [has_mpi4py] * 2
    assert view.apply_sync(lambda: "mpi4py" in __import__("sys").modules) == [has_mpi4py] * 2


def test_one_killed_rank_takes_the_others_down(place, mpi):
    launched = start(place, mpi, 2, named(mpi))
    client = place.client(2)
    pids = client[:].apply_sync(os.getpid)
    os.kill(pids[1], signal.SIGKILL)
    assert launched.wait(PATIENCE) != 0
    until(lambda: not client.ids, "the unregistration of both engines")


def test_user_code_may_finalize(place, mpi):
    launched = start(place, mpi, 2, named(mpi))
    client = place.client(2)
    client[:].execute("from mpi4py import MPI\nMPI.Finalize()", block=True)
    client.shutdown(targets="all", block=True)
    assert launched.wait(PATIENCE) == 0, launched.log.read_text()


def test_a_communicator_that_the_user_keeps_is_freed_before_mpi_ends(place, mpi):
    launched = start(place, mpi, 2, named(mpi))
    client = place.client(2)
    code = """
from mpi4py import MPI
import atexit
kept = MPI.COMM_WORLD.Dup()
atexit.register(lambda: print('freed', kept.Free() is None, file=__import__('sys').__stderr__))
"""
    client[:].execute(code, block=True)
    client.shutdown(targets="all", block=True)
    assert launched.wait(PATIENCE) == 0, launched.log.read_text()
    assert launched.log.read_text().count("freed True") == 2


def test_sigterm_to_the_launcher_ends_all(place, mpi):
    launched = start(place, mpi, 2, named(mpi))
    client = place.client(2)
    pids = client[:].apply_sync(os.getpid)
    client[0].apply_async(time.sleep, LONG)
    launched.send_signal(signal.SIGTERM)
    launched.wait(PATIENCE)
    until(lambda: not any(map(is_running, pids)), "the end of the engines")


def test_without_mpi_nothing_of_it_is_there(place):
    place.engine()
    place.engine("--mpi=none")
    client = place.client(2)
    seen = client[:].apply_sync(lambda: (globals().get("mpi_rank"), globals().get("mpi_size")))
    assert sorted(seen, key=str) == [(0, 1), (None, None)]
    assert not any(client[:].apply_sync(lambda: "libmpi" in open("/proc/self/maps").read()))


@pytest.mark.parametrize("mpi", [one for one in SETUP["mpis"] if one["name"] == "mpich5"], ids=["mpich5"])
def test_a_python_without_mpi4py_is_refused_only_when_it_is_demanded(place, mpi):
    hidden = place.directory / "hidden"
    (hidden / "mpi4py").mkdir(parents=True)
    (hidden / "mpi4py" / "__init__.py").write_text("raise ImportError('hidden by a test')\n")
    launcher = [mpi["launcher"], "-n", "2"]
    refused = place.engine("--mpi=mpi4py", launcher=launcher, PYTHONPATH=str(hidden))
    assert refused.wait(PATIENCE) != 0
    assert "pip install mpi4py" in refused.log.read_text()
    place.engine("--mpi", launcher=launcher, PYTHONPATH=str(hidden))
    assert place.client(2)[[0, 1]]["mpi_rank"] == [0, 1]


def test_a_rank_that_fails_says_why_and_takes_the_others_down(place, mpi):
    ranks = "for name in OMPI_COMM_WORLD_RANK PMI_RANK; do [ -n \"${!name}\" ] && rank=${!name}; done; "
    patience = 'exec "$0" "$@" --timeout=$([ "$rank" = 1 ] && echo 0 || echo 20)'
    launcher = [mpi["launcher"], *mpi["launcher_arguments"], "-n", "2", "bash", "-c", ranks + patience]
    launched = place.engine(f"--mpi{named(mpi)}", launcher=launcher, **mpi["environment"])
    assert launched.wait(PATIENCE) != 0
    assert "no controller answers at" in launched.log.read_text(errors="replace")
