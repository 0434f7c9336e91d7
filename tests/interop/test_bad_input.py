"""Bad input: one clear sentence, a failure, and nothing half started."""

import json
import subprocess

import pytest

import installed
from clusters import Cluster
from processes import until

IPENGINE = installed.program("ours", "ipengine")
IPCLUSTER = installed.program("ours", "ipcluster")
IPCONTROLLER = installed.program("ours", "ipcontroller")


def refused(process, *words):
    """Assert that a program failed with words that help, not with the insides of a program."""
    text = process.text
    assert process.status not in (0, None), text
    for ugly in ("panicked", "RUST_BACKTRACE", "Traceback", "core dumped", "Segmentation"):
        assert ugly not in text, text
    for word in words:
        assert str(word).lower() in text.lower(), f"no `{word}` in:\n{text}"
    return text


def sentences(text):
    """The lines that are a message of their own, without what continues one by indentation."""
    return [line for line in text.splitlines() if line.strip() and not line[0].isspace()]


@pytest.fixture
def controller(home):
    """A controller that runs, with which nothing is wrong."""
    cluster = Cluster(home)
    yield cluster
    # Whatever the test did, the controller lives on and takes a good engine.
    cluster.engines.clear()
    cluster.start_local(1)
    cluster.connect(1)
    cluster.close()


def test_an_unknown_mpi_lists_the_known_ones(home, controller):
    text = refused(home.run(IPENGINE, "--mpi=lam"), "lam", "openmpi", "mpich", "intel", "none", "auto")
    assert len(sentences(text)) == 1, text


def test_ipcluster_refuses_an_unknown_mpi_before_it_starts_anything(home):
    refused(home.run(IPCLUSTER, "mpirun", "-n", "2", "--mpi=lam"), "lam", "openmpi", "mpich")
    home.assert_empty()
    assert not home.client_file.exists()


@pytest.mark.parametrize("selection", ["openmpi:/no/such/libmpi.so.40", "/no/such/libmpi.so.40"])
def test_a_library_that_is_not_there(home, controller, selection):
    refused(home.run(IPENGINE, f"--mpi={selection}"), "/no/such/libmpi.so.40")


def test_ipcluster_refuses_a_library_that_is_not_there(home):
    refused(home.run(IPCLUSTER, "mpirun", "-n", "2", "--mpi=openmpi:/no/such/libmpi.so.40"), "/no/such/libmpi.so.40")
    home.assert_empty()
    assert not home.client_file.exists()


def test_a_file_that_is_no_library(home, controller):
    text = home.path / "libmpi.so.12"
    text.write_text("not a library\n")
    refused(home.run(IPENGINE, f"--mpi={text}"), text)
    refused(home.run(IPENGINE, f"--mpi=mpich:{text}"), text)


def test_a_library_that_is_no_mpi(home, controller):
    output = subprocess.run(["ldd", IPENGINE], capture_output=True, text=True, check=True).stdout
    library = next(line.split()[2] for line in output.splitlines() if "libc.so" in line)
    refused(home.run(IPENGINE, f"--mpi={library}"), library, "MPI")


def test_a_library_of_another_family(home, controller):
    openmpi = installed.BY_NAME["openmpi5"].library
    refused(home.run(IPENGINE, f"--mpi=mpich:{openmpi}"), openmpi, "mpich")


#: A launcher and a library that do not fit, on which each rank would believe to be alone.
WRONG_LAUNCHERS = [("mpich5", "openmpi5"), ("intel", "openmpi5"), ("openmpi5", "mpich5"), ("openmpi5", "intel")]


@pytest.mark.parametrize(("launcher", "library"), WRONG_LAUNCHERS, ids=lambda name: name)
def test_the_wrong_launcher_is_named_with_the_right_one(home, controller, launcher, library):
    launcher, mpi = installed.BY_NAME[launcher], installed.BY_NAME[library]
    command = launcher.launch(2, IPENGINE, f"--mpi={mpi.selection}")
    process = home.run(*command, environment={**mpi.environment, **launcher.environment})
    refused(process, mpi.launcher.name)
    client = controller.connect(0)
    assert client.ids == []


def test_no_connection_file(home):
    refused(home.run(IPENGINE, "--file=/no/such/file.json", "--wait-for-file=1"), "/no/such/file.json")


def test_no_controller_at_all(home):
    refused(home.run(IPENGINE, "--wait-for-file=1"), "ipcontroller-engine.json")


def test_a_stale_connection_file(home):
    """Left behind by a controller that was killed: nobody listens at its ports."""
    cluster = Cluster(home)
    cluster.controller.process.kill()
    cluster.controller.wait()
    assert home.engine_file.exists()
    refused(home.run(IPENGINE, "--timeout=2"), "controller")


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[: len(text) // 2],
        lambda text: "[]",
        lambda text: json.dumps({key: value for key, value in json.loads(text).items() if key != "registration"}),
        lambda text: json.dumps({**json.loads(text), "registration": "seven"}),
        lambda text: json.dumps({**json.loads(text), "signature_scheme": "rot13"}),
    ],
    ids=["empty", "cut", "no-object", "no-registration", "no-number", "no-scheme"],
)
def test_a_damaged_connection_file(home, controller, tmp_path, damage):
    damaged = tmp_path / "damaged.json"
    damaged.write_text(damage(home.engine_file.read_text()))
    refused(home.run(IPENGINE, f"--file={damaged}", "--timeout=2"), damaged)


def test_a_wrong_key_of_an_engine(home, controller, tmp_path):
    wrong = tmp_path / "wrong.json"
    wrong.write_text(json.dumps({**json.loads(home.engine_file.read_text()), "key": "00000000-wrong"}))
    refused(home.run(IPENGINE, f"--file={wrong}", "--timeout=2"), "controller")


def test_a_python_without_ipython(home, controller, tmp_path):
    bare = tmp_path / "bare"
    subprocess.run([installed.PYTHON, "-m", "venv", "--without-pip", bare], check=True)
    refused(home.run(IPENGINE, f"--python={bare / 'bin/python'}"), "IPython", "pip install")


def test_a_python_that_is_not_there(home, controller):
    refused(home.run(IPENGINE, "--python=/no/such/python"), "/no/such/python")


@pytest.mark.parametrize("program", [IPENGINE, IPCONTROLLER, IPCLUSTER], ids=lambda path: path.name)
def test_an_unknown_option(home, program):
    refused(home.run(program, "--bogus"), "--bogus")
    assert not home.client_file.exists()


@pytest.mark.parametrize("program", [IPENGINE, IPCONTROLLER], ids=lambda path: path.name)
def test_an_argument_that_is_no_text(home, program):
    refused(home.run(program, "--profile-dir=\udcff"), "not valid Unicode")
    home.assert_empty()


def test_an_unknown_trait_is_a_warning(home, controller):
    engine = home.start(IPENGINE, "--NoSuchClass.trait=5")
    client = controller.connect(1)
    until(lambda: "NoSuchClass" in engine.text, lambda: engine.text)
    client[:].shutdown(block=True)
    engine.wait()
    until(lambda: not client.ids, "the controller forgets the engine")


@pytest.mark.parametrize("number", ["-1", "many"])
def test_a_number_of_engines_that_makes_no_sense(home, number):
    refused(home.run(IPCLUSTER, "local", f"-n={number}"), number)
    home.assert_empty()
