"""The example plugins: four engines of one world through a plugin, on an MPI of each family."""

import pytest

import installed
from clusters import Cluster
from main_job import are_one_world, do_the_main_job, has_loaded
from plugins import compiled

ENGINES = 4
MPIS = [installed.BY_NAME[name] for name in ("mpich5", "openmpi5")]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The plugins by name. The one in C is compiled here, as its author would."""
    example_c = tmp_path_factory.mktemp("plugins") / "libexample_c.so"
    compiled(installed.REPOSITORY / "plugins/example-c/example_c.c", example_c)
    return {"example_c": example_c, "example_rust": installed.PROGRAMS / "libexample_rust.so"}


@pytest.mark.parametrize("mpi", MPIS, ids=lambda mpi: mpi.name)
@pytest.mark.parametrize("name", ["example_c", "example_rust"])
def test_four_engines_of_one_world(start, built, name, mpi):
    # Without a text for it the plugin wraps the MPI whose launcher started the process.
    world = start(mpi, ENGINES, selection=built[name])
    assert world.client[:].apply_sync(has_loaded, str(built[name])) == [True] * ENGINES
    are_one_world(world.client, mpi, ENGINES)
    do_the_main_job(world.client, ENGINES)
    said = world.end()
    # Every rank tells at the end what it counted.
    words = {"example_c": "barriers, ", "example_rust": " calls of MPI"}[name]
    assert said.count(words) == ENGINES, said


def test_an_exception_in_bring_up_is_a_sentence(home, tmp_path):
    """The engine ends, as it has no MPI then; but it ends by itself, with words that name plugin and function."""
    throws = compiled(installed.REPOSITORY / "cli/tests/plugins/throws.cpp", tmp_path / "libthrows.so", "-DTHROWS_IN=BRING_UP")
    mpi = installed.BY_NAME["mpich5"]
    cluster = Cluster(home)
    launcher = cluster.start_world(mpi, 2, selection=f"{throws}:{mpi.library}")
    assert launcher.wait() != 0
    said = launcher.text
    assert f"ipengine: the plugin {throws} let an exception out of bring_up" in said, said
    for ugly in ("terminate called", "fatal runtime error", "Traceback", "SIGABRT"):
        assert ugly not in said, said
    cluster.close()
