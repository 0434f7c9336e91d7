"""What engines must show that are one world: who they are, and the main job of the documentation."""

from ipyparallel import interactive

import installed

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


@interactive
def has_loaded(file):
    """Whether a file is in an engine's memory."""
    with open("/proc/self/maps") as maps:
        return file in maps.read()


def are_one_world(client, mpi, count):
    """Assert that the engines are the ranks of one world, and that mpi4py is bound to the very library of `mpi`."""
    # A world of one asks for no id, as with the stock engine: it gets the next that is free.
    assert client.ids == list(range(count)) if count > 1 else len(client.ids) == 1
    worlds = client[:].apply_sync(world)
    assert [(seen["rank"], seen["size"]) for seen in worlds] == [(rank, count) for rank in range(count)]
    library = mpi.library.resolve()
    for seen in worlds:
        assert seen["version"].startswith(mpi.announces)
        assert seen["thread_level"] == seen["multiple"]
        assert str(library) in seen["libraries"]
        # Nothing of another MPI; parts of the same one (its Fortran or C++ half) would lie beside it.
        others = {file for file in seen["libraries"] if not file.startswith(str(library.parent))}
        assert {file for file in others if "/libmpi" in file and "anympi" not in file.rsplit("/", 1)[1]} == set()
    assert len({seen["pid"] for seen in worlds}) == count


def do_the_main_job(client, count):
    """As in the documentation."""
    view = client[:]
    view.run(str(PSUM), block=True)
    view.scatter("a", [float(number) for number in range(16)], block=True)
    view.execute("totalsum = psum(a)", block=True)
    assert view["totalsum"] == [120.0] * count
