"""The example plugins: four engines of one world through a plugin, on an MPI of each family."""

import subprocess

import pytest
from ipyparallel import interactive

import installed
from clusters import Cluster
from processes import Home, until
from test_world import PSUM, world

ENGINES = 4
MPIS = [installed.BY_NAME[name] for name in ("mpich5", "openmpi5")]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The plugins by name. The one in C is compiled here, as its author would."""
    directory = tmp_path_factory.mktemp("plugins")
    example_c = directory / "libexample_c.so"
    sources = installed.REPOSITORY / "plugins"
    command = ["cc", "-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O2", "-shared", "-fPIC"]
    command += ["-I", sources / "api/include", "-o", example_c, sources / "example-c/example_c.c"]
    subprocess.run(command, check=True)
    return {"example_c": example_c, "example_rust": installed.PROGRAMS / "libexample_rust.so"}


@pytest.fixture(scope="module")
def controller(tmp_path_factory):
    """One controller for the engines of every plugin in turn."""
    cluster = Cluster(Home(tmp_path_factory.mktemp("plugins") / "home"))
    yield cluster
    cluster.close()


@interactive
def plugins():
    """The plugins in an engine's memory."""
    with open("/proc/self/maps") as maps:
        return sorted({line.split(maxsplit=5)[5].strip() for line in maps if "/libexample_" in line})


def _is_a_world(client, mpi, plugin):
    view = client[:]
    assert client.ids == list(range(ENGINES))
    assert view.apply_sync(plugins) == [[str(plugin)]] * ENGINES
    worlds = view.apply_sync(world)
    assert [(seen["rank"], seen["size"]) for seen in worlds] == [(rank, ENGINES) for rank in range(ENGINES)]
    assert all(seen["version"].startswith(mpi.announces) for seen in worlds)
    view.run(str(PSUM), block=True)
    view.scatter("a", [float(number) for number in range(16)], block=True)
    view.execute("totalsum = psum(a)", block=True)
    assert view["totalsum"] == [120.0] * ENGINES


@pytest.mark.parametrize("mpi", MPIS, ids=lambda mpi: mpi.name)
@pytest.mark.parametrize("name", ["example_c", "example_rust"])
def test_four_engines_of_one_world(controller, built, name, mpi):
    # Without a text for it the plugin wraps the MPI whose launcher started the process; the last --mpi counts.
    launcher = controller.start_world(mpi, ENGINES, f"--mpi={built[name]}")
    client = controller.connect(ENGINES)
    _is_a_world(client, mpi, built[name])
    client[:].shutdown(block=False)
    assert launcher.wait() == 0, launcher.text
    controller.engines.remove(launcher)
    until(lambda: not client.ids, "the controller forgets the engines")
    # Every rank tells at the end what it counted.
    words = {"example_c": "barriers, ", "example_rust": " calls of MPI"}[name]
    assert launcher.text.count(words) == ENGINES, launcher.text
