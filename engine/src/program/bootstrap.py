import sys
sys.path[:] = [entry for entry in sys.path if entry]
if sys.version_info < (3, 11):
    version = ".".join(map(str, sys.version_info[:3]))
    sys.exit(f"ipengine: {sys.executable} is Python {version}; an engine needs 3.11 or newer (choose one with --python)")
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_file_location
name, path = "anympi_python", @MODULE@
spec = spec_from_file_location(name, path, loader=ExtensionFileLoader(name, path))
try:
    module = sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(module)
except ImportError as error:
    sys.exit(f"ipengine: {sys.executable} cannot load {path}: {error}")
sys.exit(module.run(@SETTINGS@))
