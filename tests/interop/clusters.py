"""Clusters of any mixture: controller and engines each ours or stock, the client always stock."""

import ipyparallel as ipp

import installed
from processes import PATIENCE, until

#: Milliseconds between heartbeats: the stock controller counts an engine as there at the second beat.
PING = 250

#: Engines that compete for a slow machine's cores must not give up on each other's account.
REGISTRATION = f"--timeout={PATIENCE}"


class Cluster:
    """One controller, engines under a launcher or without, and a connected stock client."""

    def __init__(self, home, controller="ours", engines="ours"):
        self.home = home
        self.controller_owner = controller
        self.engine_owner = engines
        self.engines = []
        self.client = None
        self.controller = home.start(
            installed.program(controller, "ipcontroller"), f"--ping={PING}", name=f"{controller}-ipcontroller"
        )

        def ready():
            self.controller.must_run()
            return home.client_file.exists() and home.engine_file.exists()

        until(ready, lambda: f"connection files in {home.security}; the controller printed:\n{self.controller.text}")

    def start_world(self, mpi, count, *arguments, selection=None, **more):
        """Start `count` engines that are one MPI_COMM_WORLD, by the launcher, as a user does by hand.

        `selection` is the value of --mpi, by default the library of `mpi`; `more` are variables for the environment.
        """
        ipengine = installed.program(self.engine_owner, "ipengine")
        environment = {**mpi.environment, **more}
        if self.engine_owner == "ours":
            choice = f"--mpi={selection or mpi.selection}"
        else:
            # The stock engine leaves the choice of a library to mpi4py and the dynamic loader.
            choice = "--mpi"
            environment["MPI4PY_MPIABI"] = "openmpi" if mpi.backend == "openmpi" else "mpich"
            environment["LD_LIBRARY_PATH"] = mpi.library.parent
        command = mpi.launch(count, ipengine, choice, REGISTRATION, *arguments)
        launcher = self.home.start(*command, environment=environment, name=f"{self.engine_owner}-{mpi.name}-engines")
        self.engines.append(launcher)
        return launcher

    def start_local(self, count, *arguments):
        """Start `count` engines without MPI; returns them."""
        ipengine = installed.program(self.engine_owner, "ipengine")
        started = [self.home.start(ipengine, REGISTRATION, *arguments, name=f"{self.engine_owner}-engine") for _ in range(count)]
        self.engines.extend(started)
        return started

    def connect(self, count, seconds=PATIENCE):
        """The stock client, once `count` engines have registered."""
        if self.client is None:
            self.client = ipp.Client(str(self.home.client_file), timeout=PATIENCE)

        def there():
            self.controller.must_run()
            for engine in self.engines:
                engine.must_run()
            return len(self.client.ids) == count

        until(there, lambda: f"{count} engines, there are {self.client.ids}; {self.logs()}", seconds)
        return self.client

    def logs(self):
        """What controller and engines printed."""
        return "".join(f"\n--- {process.log.name}\n{process.text}" for process in [self.controller, *self.engines])

    def close(self):
        """Close the client and end every process."""
        if self.client is not None:
            self.client.close()
        self.home.close()


class World:
    """Engines started by the launcher of one MPI, which end together."""

    def __init__(self, cluster, mpi, count, *arguments, **more):
        """As `Cluster.start_world`, in a cluster that has no other engines."""
        self.cluster = cluster
        self.count = count
        self.launcher = cluster.start_world(mpi, count, *arguments, **more)

    def connect(self):
        """Wait until all are there; returns the client."""
        return self.cluster.connect(self.count)

    @property
    def client(self):
        """The stock client."""
        return self.cluster.client

    def end(self):
        """As MPI wants it: all engines shut down together, through MPI_Finalize, and the launcher is content. What they said."""
        if self.launcher.status is None:
            self.client[:].shutdown(block=False)
        self.launcher.wait()
        if self.launcher in self.cluster.engines:
            self.cluster.engines.remove(self.launcher)
        until(lambda: not self.client.ids, "the controller forgets the engines")
        assert self.launcher.status == 0, self.launcher.text
        return self.launcher.text
