"""apply: call a function that the client sent, with arguments that it sent, in the user's namespace.

The call is made by an expression evaluated in that namespace, not by this module, because builtins such as ``globals``,
``eval`` and ``dir`` look at the frame that calls them: ``view.apply(eval, "x")`` must find the user's ``x``.
"""

from ipyparallel.serialize import serialize_object, unpack_apply_message

_FUNCTION, _ARGUMENTS, _KEYWORDS = "_anympi_function", "_anympi_arguments", "_anympi_keywords"
_CALL = compile(f"{_FUNCTION}(*{_ARGUMENTS}, **{_KEYWORDS})", "<apply>", "eval")


def call(shell, buffers):
    """Unpack one apply_request, run it, and return its result serialized as a list of buffers."""
    namespace = shell.user_ns
    function, arguments, keywords = unpack_apply_message(buffers, namespace, copy=False)
    namespace[_FUNCTION] = function
    namespace[_ARGUMENTS] = arguments
    namespace[_KEYWORDS] = keywords
    # What the request brought is held by the namespace alone, and goes with it.
    del function, arguments, keywords
    try:
        result = eval(_CALL, shell.user_global_ns, namespace)
    finally:
        for name in (_FUNCTION, _ARGUMENTS, _KEYWORDS):
            namespace.pop(name, None)
    return serialize_object(result)
