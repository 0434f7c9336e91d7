"""The main job, and engines started by hand: on every MPI, each test with the world size that it expects."""

import ipyparallel as ipp
import pytest
from ipyparallel import interactive

import installed
from clusters import World
from main_job import are_one_world, do_the_main_job
from processes import PATIENCE, until

WORLDS = [(mpi, count) for mpi in installed.MPIS for count in (1, 2, 4)]


@pytest.fixture(scope="module", params=WORLDS, ids=lambda world: f"{world[0].name}-{world[1]}")
def engines(controller, request):
    """Engines of one MPI started by its launcher, as by hand: the client, the MPI, their number. Gone afterwards."""
    mpi, count = request.param
    world = World(controller, mpi, count)
    yield world.connect(), mpi, count
    world.end()


def test_engines_by_hand(engines):
    """Ids are ranks, the size is right, and mpi4py is bound to the very library that --mpi chose."""
    are_one_world(*engines)


def test_the_main_job(engines):
    client, _, count = engines
    do_the_main_job(client, count)


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
        are_one_world(client, mpi, 4)
        do_the_main_job(client, 4)
    finally:
        client.close()
    cluster.ctrl_c()
    assert cluster.wait() == 0, cluster.text
    home.assert_empty()
