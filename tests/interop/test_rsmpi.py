"""The plugin rsmpi: one file, built once against the standard ABI, brings up every MPI through the Rust crate `mpi`."""

import subprocess

import pytest
from ipyparallel import interactive

import installed
from clusters import Cluster
from processes import Home, until
from test_world import PSUM, world

PLUGIN = installed.PROGRAMS / "libanympi_rsmpi.so"
#: Each MPI by name; and the choice left to the launcher.
SELECTIONS = [(mpi, f"rsmpi:{mpi.selection}") for mpi in installed.MPIS] + [(installed.BY_NAME["mpich5"], "rsmpi")]
ENGINES = 4

# Without libclang there is no plugin, which `cargo xtask test` has said then.
pytestmark = pytest.mark.parametrize("plugin", [PLUGIN] if PLUGIN.exists() else [], ids=lambda plugin: plugin.stem)


@pytest.fixture(scope="module")
def controller(tmp_path_factory):
    """One controller for the engines of every MPI in turn."""
    cluster = Cluster(Home(tmp_path_factory.mktemp("rsmpi") / "home"))
    yield cluster
    cluster.close()


@interactive
def plugins():
    """The plugins in an engine's memory."""
    with open("/proc/self/maps") as maps:
        return sorted({line.split(maxsplit=5)[5].strip() for line in maps if "/libanympi_rsmpi" in line})


@pytest.mark.parametrize("mpi, selection", SELECTIONS, ids=[f"{mpi.name}-{'named' if ':' in text else 'auto'}" for mpi, text in SELECTIONS])
def test_one_file_works_on_every_mpi(controller, plugin, mpi, selection):
    launcher = controller.start_world(mpi, ENGINES, selection=selection)
    client = controller.connect(ENGINES)
    view = client[:]
    assert client.ids == list(range(ENGINES))
    assert view.apply_sync(plugins) == [[str(plugin)]] * ENGINES
    worlds = view.apply_sync(world)
    assert [(seen["rank"], seen["size"]) for seen in worlds] == [(rank, ENGINES) for rank in range(ENGINES)]
    for seen in worlds:
        # mpi4py, which speaks that library's own ABI, is bound to it and not to the plugin.
        assert seen["version"].startswith(mpi.announces)
        assert str(mpi.library.resolve()) in seen["libraries"]
        assert seen["thread_level"] == seen["multiple"]
    view.run(str(PSUM), block=True)
    view.scatter("a", [float(number) for number in range(16)], block=True)
    view.execute("totalsum = psum(a)", block=True)
    assert view["totalsum"] == [120.0] * ENGINES
    view.shutdown(block=False)
    assert launcher.wait() == 0, launcher.text
    controller.engines.remove(launcher)
    until(lambda: not client.ids, "the controller forgets the engines")


def test_the_file_needs_no_mpi_and_offers_none(plugin):
    """Nothing of an MPI on either side of the file: neither needed from outside nor visible to others."""
    symbols = subprocess.run(["nm", "--dynamic", plugin], capture_output=True, text=True, check=True).stdout
    names = [line.split()[-1] for line in symbols.splitlines()]
    assert "anympi_plugin_entry" in names
    assert [name for name in names if "MPI_" in name] == []


def test_an_mpi_that_is_not_there_is_named(plugin, home):
    engine = home.run(installed.program("ours", "ipengine"), "--mpi=rsmpi:lam")
    assert engine.status not in (0, None)
    assert "lam" in engine.text and "openmpi" in engine.text, engine.text
    assert "panicked" not in engine.text and "Traceback" not in engine.text, engine.text
