"""Runs mpi4py's own test suite and notes what became of each test, while it runs.

    suite.py TESTS RESULTS DECIDED [ARGUMENT ...]

TESTS is the directory of the suite and ARGUMENT goes to its main.py. Each rank writes RESULTS/<rank>.jsonl, a line when a test
begins, one when it has ended, and one when the suite has: a process that dies or hangs has then said in which test. DECIDED is
a file with the tests and classes of tests, one a line, that are left out: an earlier run of the suite decided them, or nobody asks.

The exit code is 0 when the suite reached its end, whatever became of its tests.
"""

import json
import os
import sys
import time
import unittest

def mpi_files():
    """The files in this process whose names are those of an MPI."""
    with open("/proc/self/maps", encoding="utf-8") as lines:
        paths = {line.split(maxsplit=5)[-1].strip() for line in lines if "/" in line}
    return sorted(path for path in paths if os.path.basename(path).startswith("libmpi"))


class Result(unittest.TextTestResult):
    """What unittest prints, and the same for programs."""

    directory = None

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        from mpi4py import MPI

        path = f"{self.directory}/{MPI.COMM_WORLD.Get_rank()}.jsonl"
        self.notes = open(path, "w", encoding="utf-8")
        self.worst = None
        self.reason = ""
        self.begun = 0.0
        self.note(ranks=MPI.COMM_WORLD.Get_size(), library=MPI.Get_library_version(), files=mpi_files())

    def note(self, **fields):
        # One write each: what is written when the process is killed is whole lines.
        self.notes.write(json.dumps(fields) + "\n")
        self.notes.flush()

    def startTest(self, test):
        super().startTest(test)
        self.worst, self.reason, self.begun = None, "", time.perf_counter()
        self.note(begin=test.id())

    def stopTest(self, test):
        self.note(
            id=test.id(),
            outcome=self.worst or "passed",
            reason=self.reason,
            seconds=round(time.perf_counter() - self.begun, 4),
        )
        super().stopTest(test)

    def take(self, test, outcome, reason):
        """A test may report more than once, a class or a module reports without beginning."""
        if isinstance(test, unittest.TestCase):
            self.worst = self.worst or outcome
            self.reason = self.reason or reason
        else:
            self.note(id=test.id(), outcome=outcome, reason=reason, seconds=0)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.take(test, "skipped", reason)

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self.take(test, "failed", self._exc_info_to_string(error, test))

    def addError(self, test, error):
        super().addError(test, error)
        self.take(test, "error", self._exc_info_to_string(error, test))

    def addSubTest(self, test, subtest, error):
        super().addSubTest(test, subtest, error)
        if error is not None:
            outcome = "failed" if issubclass(error[0], test.failureException) else "error"
            self.take(test, outcome, self._exc_info_to_string(error, test))

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self.take(test, "failed", "passed where a failure was expected")

    def stopTestRun(self):
        super().stopTestRun()
        self.note(end=self.testsRun)


class Runner(unittest.TextTestRunner):
    resultclass = Result


def run(tests, results, decided, *arguments):
    """Runs what is not decided."""
    sys.argv = [os.path.join(tests, "main.py"), *arguments]
    sys.path.insert(0, tests)
    sys.dont_write_bytecode = True
    import main as suite

    with open(decided, encoding="utf-8") as lines:
        left_out = frozenset(lines.read().splitlines())

    class Loader(suite.TestLoader):
        def getTestCaseNames(self, case):
            of = f"{case.__module__}.{case.__qualname__}"
            if of in left_out:
                return []
            return [name for name in super().getTestCaseNames(case) if f"{of}.{name}" not in left_out]

    suite.TestLoader = Loader
    Result.directory = results
    try:
        suite.main(module=None, testRunner=Runner)
    except SystemExit:
        pass


# The suite's process pools import the main module in processes that they spawn.
if __name__ == "__main__":
    run(*sys.argv[1:])
