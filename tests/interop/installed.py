"""What `cargo xtask` installed and built: the MPIs under test, the Python of the tests, the programs.

Read from the JSON file whose format xtask/src/environment.rs describes.
"""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Mpi:
    """One MPI on this machine, as in the JSON file."""

    name: str
    backend: str
    version: str | None
    prefix: Path | None
    library: Path
    abi_library: Path | None
    launcher: Path
    announces: str
    launcher_arguments: list = field(hash=False)
    environment: dict = field(hash=False)

    @property
    def selection(self):
        """The value of --mpi that can mean no other library."""
        return f"{self.backend}:{self.library}"

    def launch(self, count, *program):
        """The command that starts `count` ranks of a program."""
        return [str(self.launcher), *self.launcher_arguments, "-n", str(count), *map(str, program)]


def _read():
    path = Path(os.environ.get("ANYMPI_TEST_SETUP") or REPOSITORY / ".anympi/mpis.json")
    if not path.exists():
        raise SystemExit(f"no {path}: run these tests by `cargo xtask test`, or run `cargo xtask setup --tests` before them")
    description = json.loads(path.read_text())
    if description["format"] != 1:
        raise SystemExit(f"{path} has format {description['format']}, these tests know format 1")
    return description


_description = _read()


def _mpi(entry):
    paths = {key: entry[key] and Path(entry[key]) for key in ("prefix", "library", "abi_library", "launcher")}
    return Mpi(**{**entry, **paths})


#: The MPIs under test, in the order of the table.
MPIS = [_mpi(entry) for entry in _description["mpis"]]
BY_NAME = {mpi.name: mpi for mpi in MPIS}
#: The Python with the stock client, IPython, NumPy and mpi4py, and its directory of programs.
PYTHON = Path(_description["python"])
STOCK = PYTHON.parent
#: What to put on PYTHONPATH for PyTrilinos; None where Trilinos is not installed.
PYTRILINOS = _description["pytrilinos"] and Path(_description["pytrilinos"])
#: The directory of ipengine, ipcontroller, ipcluster.
PROGRAMS = Path(os.environ.get("ANYMPI_TEST_PROGRAMS") or _description["programs"])


def program(owner, name):
    """The path of a program: `owner` is "ours" or "stock"."""
    return {"ours": PROGRAMS, "stock": STOCK}[owner] / name
