"""Whether this interpreter can be an engine, asked before anything is loaded or started.

Looking for a module's file costs a millisecond; importing IPython costs a quarter of a second, and finding out that it is
missing after MPI has started would take the other ranks down.
"""

import importlib.util
import sys

#: module to look for -> name to install it by
NEEDED = {"IPython": "ipython", "ipykernel": "ipykernel", "ipyparallel": "ipyparallel"}


def missing():
    """The names (as pip knows them) of what this interpreter lacks, in the order of ``NEEDED``."""
    return [package for module, package in NEEDED.items() if importlib.util.find_spec(module) is None]


def sentence():
    """What to tell the user, or None when everything is there."""
    lacking = missing()
    if not lacking:
        return None
    # ipyparallel depends on all the others, so naming it is enough.
    return (
        f"the Python that would run this engine, {sys.executable} (version {sys.version.split()[0]}), has no "
        f"{' and no '.join(lacking)}; install it with: {sys.executable} -m pip install ipyparallel"
        f" (or choose another interpreter with --python)"
    )
