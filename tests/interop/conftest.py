"""Fixtures: homes that end what was started in them, clusters of the four pairs."""

import signal

import pytest

import installed
from clusters import Cluster, World
from processes import Home

# Background jobs of scripts run with SIGINT ignored, and what they start inherits that. Programs under test must be
# interruptible from their first instruction on; a handler here becomes the default there.
signal.signal(signal.SIGINT, signal.default_int_handler)

#: Controller and engines, each ours or stock; the last pair is what the others are compared with.
PAIRS = [("ours", "ours"), ("stock", "ours"), ("ours", "stock"), ("stock", "stock")]

#: How many engines the clusters of the pairs have.
ENGINES = 4


@pytest.fixture
def home(tmp_path):
    """A fresh home for one test."""
    home = Home(tmp_path / "home")
    yield home
    home.close()


@pytest.fixture(scope="module")
def module_home(tmp_path_factory):
    """A fresh home for the tests of one file."""
    home = Home(tmp_path_factory.mktemp("module") / "home")
    yield home
    home.close()


@pytest.fixture(params=installed.MPIS, ids=lambda mpi: mpi.name)
def mpi(request):
    """Each MPI under test."""
    return request.param


@pytest.fixture(scope="module")
def controller(tmp_path_factory):
    """A cluster with one controller of ours that runs before any engine starts, for all engines of one file in turn."""
    cluster = Cluster(Home(tmp_path_factory.mktemp("controller") / "home"))
    yield cluster
    cluster.close()


@pytest.fixture
def start(controller):
    """Starts a world for one test, which ends with it: the arguments of `World` without the cluster."""
    worlds = []

    def start_world(mpi, count, *arguments, **more):
        world = World(controller, mpi, count, *arguments, **more)
        worlds.append(world)
        world.connect()
        return world

    yield start_world
    for world in worlds:
        world.end()


def start_pair(controller, engines, tmp_path_factory):
    """A cluster of one pair: four engines that are one world of MPICH 5, which starts fastest."""
    cluster = Cluster(Home(tmp_path_factory.mktemp(f"{controller}-{engines}") / "home"), controller, engines)
    try:
        cluster.start_world(installed.BY_NAME["mpich5"], ENGINES)
        cluster.connect(ENGINES)
    except BaseException:
        cluster.close()
        raise
    return cluster


@pytest.fixture(scope="session")
def stock(tmp_path_factory):
    """The oracle: stock controller, stock engines."""
    cluster = start_pair("stock", "stock", tmp_path_factory)
    yield cluster
    cluster.close()


@pytest.fixture(scope="session", params=PAIRS, ids=lambda pair: f"{pair[0]}-controller-{pair[1]}-engines")
def pair(request, tmp_path_factory):
    """A cluster of each pair, one after the other."""
    if request.param == ("stock", "stock"):
        yield request.getfixturevalue("stock")
        return
    cluster = start_pair(*request.param, tmp_path_factory)
    yield cluster
    cluster.close()
