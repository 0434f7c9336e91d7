"""The main job, and engines started by hand: on every MPI, each test with the world size that it expects."""

import ipyparallel as ipp
import numpy as np
import pytest
from ipyparallel import interactive

import installed
from clusters import Cluster
from processes import PATIENCE, Home, until

PSUM = installed.REPOSITORY / "examples/psum.py"


@interactive
def world():
    """What one engine knows of its world, and the MPI libraries in its memory."""
    import os

    from mpi4py import MPI

    with open("/proc/self/maps") as maps:
        files = {line.split(maxsplit=5)[5].strip() for line in maps if "/libmpi" in line}
    return {
        "rank": MPI.COMM_WORLD.rank,
        "size": MPI.COMM_WORLD.size,
        "version": " ".join(MPI.Get_library_version().rstrip("\0").split()),
        "thread_level": MPI.Query_thread(),
        "multiple": MPI.THREAD_MULTIPLE,
        "libraries": {os.path.realpath(file) for file in files},
        "pid": os.getpid(),
    }


@pytest.fixture(scope="module")
def controller(tmp_path_factory):
    """One controller of ours that runs before any engine starts, for the engines of every MPI in turn."""
    cluster = Cluster(Home(tmp_path_factory.mktemp("world") / "home"))
    yield cluster
    cluster.close()


WORLDS = [(mpi, count) for mpi in installed.MPIS for count in (1, 2, 4)]


@pytest.fixture(scope="module", params=WORLDS, ids=lambda world: f"{world[0].name}-{world[1]}")
def engines(controller, request):
    """Engines of one MPI started by its launcher, as by hand: the client, the MPI, their number. Gone afterwards."""
    mpi, count = request.param
    launcher = controller.start_world(mpi, count)
    client = controller.connect(count)
    yield client, mpi, count
    # As MPI wants it: all engines end together, through MPI_Finalize, and the launcher is content.
    client[:].shutdown(block=False)
    launcher.wait()
    controller.engines.remove(launcher)
    until(lambda: not client.ids, "the controller forgets the engines")
    assert launcher.status == 0, launcher.text


def test_engines_by_hand(engines):
    """Ids are ranks, the size is right, and mpi4py is bound to the very library that --mpi chose."""
    client, mpi, count = engines
    # A world of one asks for no id, as with the stock engine: it gets the next that is free.
    assert client.ids == list(range(count)) if count > 1 else len(client.ids) == 1
    worlds = client[:].apply_sync(world)
    assert [seen["rank"] for seen in worlds] == list(range(count))
    assert [seen["size"] for seen in worlds] == [count] * count
    library = mpi.library.resolve()
    for seen in worlds:
        assert seen["version"].startswith(mpi.announces)
        assert seen["thread_level"] == seen["multiple"]
        assert str(library) in seen["libraries"]
        # Nothing of another MPI; parts of the same one (its Fortran or C++ half) would lie beside it.
        others = {file for file in seen["libraries"] if not file.startswith(str(library.parent))}
        assert {file for file in others if "/libmpi" in file and "anympi" not in file.rsplit("/", 1)[1]} == set()
    assert len({seen["pid"] for seen in worlds}) == count


def test_the_main_job(engines):
    """As in the documentation."""
    client, _, count = engines
    view = client[:]
    view.run(str(PSUM), block=True)
    view.scatter("a", np.arange(16, dtype="float"), block=True)
    view.execute("totalsum = psum(a)", block=True)
    assert view["totalsum"] == [120.0] * count


def test_messages_between_engines(engines):
    """Point to point in a ring, and a gather at the root."""
    client, _, count = engines

    @interactive
    def ring():
        from mpi4py import MPI

        comm = MPI.COMM_WORLD
        left, right = (comm.rank - 1) % comm.size, (comm.rank + 1) % comm.size
        return comm.sendrecv(comm.rank, dest=right, source=left), comm.gather(comm.rank**2, root=0)

    results = client[:].apply_sync(ring)
    assert [received for received, _ in results] == [(rank - 1) % count for rank in range(count)]
    assert results[0][1] == [rank**2 for rank in range(count)]


def test_the_main_job_through_ipcluster(home, mpi):
    """Two commands: `ipcluster mpirun` with the backend's library, and the client with the default profile."""
    cluster = home.start(
        installed.program("ours", "ipcluster"), "mpirun", "-n", 4, f"--mpi={mpi.selection}", environment=mpi.environment
    )
    until(lambda: cluster.must_run() and home.client_file.exists(), lambda: cluster.text)
    client = ipp.Client(str(home.client_file), timeout=PATIENCE)
    try:
        until(lambda: cluster.must_run() and len(client.ids) == 4, lambda: cluster.text)
        view = client[:]
        worlds = view.apply_sync(world)
        assert [(seen["rank"], seen["size"]) for seen in worlds] == [(rank, 4) for rank in range(4)]
        assert all(seen["version"].startswith(mpi.announces) for seen in worlds)
        view.run(str(PSUM), block=True)
        view.scatter("a", np.arange(16, dtype="float"), block=True)
        view.execute("totalsum = psum(a)", block=True)
        assert view["totalsum"] == [120.0] * 4
    finally:
        client.close()
    cluster.ctrl_c()
    assert cluster.wait() == 0, cluster.text
    home.assert_empty()
