"""Imports the package ``anympi_engine`` from texts in memory."""

import sys
from importlib.machinery import ModuleSpec


class Importer:
    """Finder and loader in one; ``get_source`` lets tracebacks show the lines."""

    def __init__(self, texts):
        self.texts = texts

    def find_spec(self, name, path=None, target=None):
        if name not in self.texts:
            return None
        spec = ModuleSpec(name, self, origin=self._origin(name), is_package=name == "anympi_engine")
        spec.has_location = True
        return spec

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        name = module.__name__
        code = compile(self.texts[name], self._origin(name), "exec", dont_inherit=True)
        exec(code, module.__dict__)

    def get_source(self, name):
        return self.texts.get(name)

    @staticmethod
    def _origin(name):
        return f"<anympi_engine>/{name.rpartition('.')[2]}.py"


def install(texts):
    """Make the modules importable."""
    sys.meta_path.insert(0, Importer(texts))
