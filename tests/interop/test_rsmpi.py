"""The plugin rsmpi: one file, built once against the standard ABI, brings up every MPI through the Rust crate `mpi`."""

import subprocess

import pytest

import installed
from main_job import are_one_world, do_the_main_job, has_loaded

PLUGIN = installed.PROGRAMS / "libanympi_rsmpi.so"
#: Each MPI by name; and the choice left to the launcher.
SELECTIONS = [(mpi, f"rsmpi:{mpi.selection}") for mpi in installed.MPIS] + [(installed.BY_NAME["mpich5"], "rsmpi")]
ENGINES = 4

# Without libclang there is no plugin, which `cargo xtask test` has said then.
pytestmark = pytest.mark.parametrize("plugin", [PLUGIN] if PLUGIN.exists() else [], ids=lambda plugin: plugin.stem)


@pytest.mark.parametrize("mpi, selection", SELECTIONS, ids=[f"{mpi.name}-{'named' if ':' in text else 'auto'}" for mpi, text in SELECTIONS])
def test_one_file_works_on_every_mpi(start, plugin, mpi, selection):
    """mpi4py, which speaks that library's own ABI, is bound to the library and not to the plugin."""
    client = start(mpi, ENGINES, selection=selection).client
    assert client[:].apply_sync(has_loaded, str(plugin)) == [True] * ENGINES
    are_one_world(client, mpi, ENGINES)
    do_the_main_job(client, ENGINES)


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
