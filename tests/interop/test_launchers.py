"""The MPIs themselves: each launcher with its own library gives the world that was asked for.

Without any of our programs: when one of these fails, the machine or an installed MPI is at fault.
"""

import pytest

import installed

WORLD = installed.REPOSITORY / "tests/interop/world.py"


@pytest.mark.parametrize("count", [1, 2, 4])
def test_each_library_sees_the_world_of_its_launcher(home, mpi, count):
    for library in filter(None, (mpi.library, mpi.abi_library)):
        process = home.run(*mpi.launch(count, installed.PYTHON, WORLD, library), environment=mpi.environment)
        assert process.status == 0, process.text
        assert sorted(process.text.split("\n"))[1:] == [f"rank {rank} of {count}" for rank in range(count)]
