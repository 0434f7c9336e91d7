"""Questions about the shell that a Jupyter frontend asks: completion, inspection, history, who are you.

The stock client sends none of them; a console that talks to an engine does.
"""

import sys

from IPython.core import release
from IPython.core.completer import provisionalcompleter, rectify_completions
from IPython.utils.tokenutil import token_at_cursor
from ipykernel.jsonutil import json_clean


def kernel_info(shell, content):
    """What runs here."""
    return {
        "status": "ok",
        "protocol_version": "5.3",
        "implementation": "ipython",
        "implementation_version": release.version,
        "language_info": {
            "name": "python",
            "version": sys.version.split()[0],
            "mimetype": "text/x-python",
            "codemirror_mode": {"name": "ipython", "version": sys.version_info[0]},
            "pygments_lexer": "ipython3",
            "nbconvert_exporter": "python",
            "file_extension": ".py",
        },
        "banner": shell.banner,
        "help_links": [],
    }


def complete(shell, content):
    """Completions at a place in the code."""
    code = content["code"]
    cursor = content.get("cursor_pos")
    cursor = len(code) if cursor is None else cursor
    with provisionalcompleter():
        found = list(rectify_completions(code, shell.Completer.completions(code, cursor)))
    details = [dict(start=c.start, end=c.end, text=c.text, type=c.type, signature=c.signature) for c in found]
    return {
        "status": "ok",
        "matches": [completion.text for completion in found],
        "cursor_start": found[0].start if found else cursor,
        "cursor_end": found[0].end if found else cursor,
        "metadata": {"_jupyter_types_experimental": details},
    }


def inspect(shell, content):
    """The documentation of the name at a place in the code."""
    code = content["code"]
    name = token_at_cursor(code, content.get("cursor_pos", len(code)))
    reply = {"status": "ok", "found": True, "data": {}, "metadata": {}}
    try:
        bundle = shell.object_inspect_mime(name, detail_level=content.get("detail_level", 0))
    except KeyError:
        reply["found"] = False
    else:
        reply["data"].update(bundle)
        if not shell.enable_html_pager:
            reply["data"].pop("text/html", None)
    return json_clean(reply)


def is_complete(shell, content):
    """Whether the code is a whole cell."""
    status, indent = shell.input_transformer_manager.check_complete(content["code"])
    reply = {"status": status}
    if status == "incomplete":
        reply["indent"] = " " * (indent or 0)
    return reply


def history(shell, content):
    """Earlier input of this engine."""
    manager = shell.history_manager
    how = content.get("hist_access_type", "tail")
    options = {"raw": content.get("raw", True), "output": content.get("output", False)}
    if how == "tail":
        entries = manager.get_tail(content.get("n") or 10, include_latest=True, **options)
    elif how == "range":
        entries = manager.get_range(
            content.get("session", 0), content.get("start", 0), content.get("stop"), **options
        )
    elif how == "search":
        entries = manager.search(
            content.get("pattern", "*"), n=content.get("n"), unique=content.get("unique", False), **options
        )
    else:
        entries = []
    return json_clean({"status": "ok", "history": list(entries)})


#: request type -> function of the shell and the request's content, giving the reply's content
ANSWERS = {
    "kernel_info_request": kernel_info,
    "complete_request": complete,
    "inspect_request": inspect,
    "is_complete_request": is_complete,
    "history_request": history,
}
