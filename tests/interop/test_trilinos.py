"""Engines whose MPI comes up through Trilinos: the main job, distributed linear algebra from the notebook, PyTrilinos.

Debian's Trilinos stands on Debian's Open MPI, so that one's launcher starts the engines.
"""

import math

import pytest
from ipyparallel import interactive

import installed
from clusters import Cluster
from main_job import are_one_world, do_the_main_job

#: One world of Debian's Open MPI where set-up could install Trilinos, else none.
WORLDS = [installed.BY_NAME["openmpi4"]] if installed.PYTRILINOS else []
ENGINES = 4
LAPLACE = installed.PROGRAMS / "liblaplace.so"

pytestmark = pytest.mark.parametrize("mpi", WORLDS, ids=lambda mpi: mpi.name)


@interactive
def norm(library, points):
    """The norm of 1, 2, ... points, and how many ranks Epetra sees."""
    import ctypes

    laplace = ctypes.CDLL(library)
    laplace.laplace_norm.restype = ctypes.c_double
    return laplace.laplace_norm(points), laplace.laplace_ranks()


@interactive
def solve(library, points):
    """This rank's part of the solution of -u'' = 1, and where it begins."""
    import ctypes

    laplace = ctypes.CDLL(library)
    part, first = (ctypes.c_double * points)(), ctypes.c_int()
    length = laplace.laplace_solve(points, ctypes.c_double(1e-12), part, points, ctypes.byref(first))
    return first.value, part[:length] if length >= 0 else None


def test_linear_algebra_from_the_notebook(mpi, start):
    """A world that Teuchos brought up: the psum answer, an Epetra norm, a solve by conjugate gradients; the log names Trilinos."""
    client = start(mpi, ENGINES, selection="trilinos").client
    are_one_world(client, mpi, ENGINES)
    do_the_main_job(client, ENGINES)

    points = 100
    exact = math.sqrt(points * (points + 1) * (2 * points + 1) / 6)
    norms = client[:].apply_sync(norm, str(LAPLACE), points)
    assert norms == [(pytest.approx(exact, rel=1e-14), ENGINES)] * ENGINES

    parts = sorted(client[:].apply_sync(solve, str(LAPLACE), points))
    assert [first for first, _ in parts] == [0, 25, 50, 75], "every engine has a quarter"
    solution = [value for _, part in parts for value in part]
    assert solution == pytest.approx([(row + 1) * (points - row) / 2 for row in range(points)], rel=1e-9)


def test_what_stands_on_mpi_goes_before_it(mpi, start):
    """Tpetra, left running by the user with Kokkos below it, is finalized before MPI, and the launcher sees a clean end."""
    world = start(mpi, ENGINES, "--debug", selection="trilinos")

    @interactive
    def leave_it_running(library):
        import ctypes

        return ctypes.CDLL(library).laplace_leave_kokkos_running()

    assert world.client[:].apply_sync(leave_it_running, str(LAPLACE)) == [1] * ENGINES
    said = world.end()
    assert said.count("Tpetra was left initialised; finalized") == ENGINES, said


def test_pytrilinos_is_in_the_namespace(mpi, start):
    """IPython's own word for it: PyTrilinos is imported, and its communicator is the world of the engines."""
    client = start(mpi, ENGINES, selection="pytrilinos", PYTHONPATH=installed.PYTRILINOS).client
    are_one_world(client, mpi, ENGINES)
    do_the_main_job(client, ENGINES)
    view = client[:]
    view.execute(
        """
comm = PyTrilinos.Epetra.PyComm()
vector = PyTrilinos.Epetra.Vector(PyTrilinos.Epetra.Map(16, 0, comm))
vector.PutScalar(2.0)
seen = comm.MyPID(), comm.NumProc(), float(vector.Norm1()[0]), float(vector.Norm2()[0]), PyTrilinos.Epetra.calledMpiInit
""",
        block=True,
    )
    assert view["seen"] == [(rank, ENGINES, 32.0, 8.0, False) for rank in range(ENGINES)]


def test_without_pytrilinos_one_sentence_says_what_to_do(mpi, home):
    cluster = Cluster(home)
    launcher = cluster.start_world(mpi, 2, selection="pytrilinos")
    assert launcher.wait() != 0
    said = launcher.text
    assert "--mpi=pytrilinos: PyTrilinos cannot be imported by" in said, said
    assert "build-pytrilinos.sh" in said and "PYTHONPATH" in said, said
    assert "Traceback" not in said and "Segmentation" not in said, said
    cluster.close()


def test_trilinos_has_one_mpi(mpi, home):
    """What follows its name is refused before anything starts."""
    engine = home.run(installed.program("ours", "ipengine"), "--mpi=trilinos:mpich")
    assert engine.status not in (0, None)
    assert "the one that it was built with" in engine.text, engine.text
