"""What engines print and display reaches the client as from the stock programs, in IPython's own form."""

import re

import pytest
from IPython.testing.globalipapp import start_ipython
from IPython.utils.capture import capture_output

from processes import PATIENCE

ENGINES = 4


@pytest.fixture(scope="session")
def shell():
    """The IPython shell of the client, for the magics; there can be one in a process."""
    shell = start_ipython()
    shell.colors = "nocolor"
    return shell


def plain(text):
    """Without colours, counts of executions and process ids."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    text = re.sub(r"Out\[(\d+):\d+\]", r"Out[\1:N]", text)
    text = re.sub(r"Cell In\[\d+\]|<ipython-input-[^>]*>|In \[\d+\]", "CELL", text)
    return text


def outputs(result):
    """Everything that one execution sent besides its result, engine by engine."""
    result.get(PATIENCE)
    result.wait_for_output(PATIENCE)
    return [
        (
            entry["stdout"],
            entry["stderr"],
            plain(entry["execute_result"]["data"]["text/plain"]) if entry["execute_result"] else None,
            [{"data": display["data"], "metadata": display["metadata"]} for display in entry["outputs"]],
        )
        for entry in result.metadata
    ]


def both(pair, stock, code):
    """The outputs of `code` on all engines, which must be the stock pair's too."""
    seen = outputs(pair.client[:].execute(code, silent=False))
    assert seen == outputs(stock.client[:].execute(code, silent=False))
    return seen


def test_printed_output_of_all_engines(pair, stock):
    code = "import sys\nfrom mpi4py import MPI\nprint('out', MPI.COMM_WORLD.rank)\nprint('err', file=sys.stderr)"
    seen = both(pair, stock, code)
    assert [entry[:2] for entry in seen] == [(f"out {rank}\n", "err\n") for rank in range(ENGINES)]


def test_output_of_many_lines_is_complete_and_in_order(pair, stock):
    seen = both(pair, stock, "for number in range(2000): print(number)")
    assert [entry[0] for entry in seen] == ["".join(f"{number}\n" for number in range(2000))] * ENGINES


def test_output_of_an_apply(pair):
    from ipyparallel import interactive

    @interactive
    def speaks():
        print("from apply")
        return 1

    result = pair.client[:].apply_async(speaks)
    result.get(PATIENCE)
    result.wait_for_output(PATIENCE)
    assert result.stdout == ["from apply\n"] * ENGINES


def test_the_value_of_an_expression(pair, stock):
    assert [entry[2] for entry in both(pair, stock, "{'a': [1, 2]}")] == ["{'a': [1, 2]}"] * ENGINES
    assert [entry[2] for entry in both(pair, stock, "5;")] == [None] * ENGINES


def test_rich_display(pair, stock):
    code = "from IPython.display import HTML, display\ndisplay(HTML('<b>bold</b>'))\ndisplay({'x': 1})"
    for entry in both(pair, stock, code):
        assert entry[3][0]["data"]["text/html"] == "<b>bold</b>"
        assert entry[3][1]["data"]["text/plain"] == "{'x': 1}"


def px(shell, cluster, line=None, cell=None, options=""):
    """What the magics print for one cluster."""
    view = cluster.client[:]
    view.block = True
    view.activate()
    with capture_output() as captured:
        try:
            if cell is None:
                shell.run_line_magic("px", line)
            else:
                shell.run_cell_magic("px", options, cell)
        except Exception as error:
            print(f"{type(error).__name__}: {error}")
    return sorted(plain(captured.stdout).splitlines()), sorted(plain(str(output.data)) for output in captured.outputs)


def test_px_line_magic(shell, pair, stock):
    for line in ("a = 10", "print(a)", "a + 1", "1/0"):
        seen = px(shell, pair, line)
        assert seen == px(shell, stock, line), line
    lines, _ = px(shell, pair, "print(a)")
    assert lines == ["10"] * ENGINES + [f"[stdout:{rank}] " for rank in range(ENGINES)]


def test_px_cell_magic(shell, pair, stock):
    cell = "import os\ntext = 'x' * 3\nprint(text)\ntext.upper()\n"
    assert px(shell, pair, cell=cell) == px(shell, stock, cell=cell)
    lines, _ = px(shell, pair, cell=cell, options="--targets 1")
    assert any("xxx" in line for line in lines)


def test_magics_run_on_the_engines(pair, stock):
    code = "%env ANYMPI_TEST_OF_MAGICS=5\n%time pass\n!echo shell"
    result = pair.client[0].execute(code)
    result.get(PATIENCE)
    result.wait_for_output(PATIENCE)
    expected = stock.client[0].execute(code)
    expected.get(PATIENCE)
    expected.wait_for_output(PATIENCE)

    def steady(text):
        return [line for line in text.splitlines() if "time" not in line.lower()]

    assert steady(result.stdout) == steady(expected.stdout)
    assert "shell" in result.stdout


def test_input_is_refused_not_waited_for(pair, stock):
    def call(cluster):
        result = cluster.client[0].execute("input('?')")
        result.wait(PATIENCE)
        error = result.get(return_exceptions=True)
        return error.ename if not isinstance(error, list) else error[0].ename

    assert call(pair) == call(stock)
