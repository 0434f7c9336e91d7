"""The user's IPython configuration: profile directory, configuration files, start-up code.

``ipengine_config.py`` and ``.json`` of the profile are read as the stock engine reads them, as far as they concern IPython
(what concerns the connection was decided before Python ran); ``--Class.trait=value`` of the command line goes on top.
"""

import os
import tempfile

import anympi_python as native
from IPython.core.profiledir import ProfileDir
from IPython.core.shellapp import InteractiveShellApp
from traitlets import Any, Unicode
from traitlets.config import Config
from traitlets.config.loader import DeferredConfigString, JSONFileConfigLoader, PyFileConfigLoader

CONFIG_NAME = "ipengine_config"


def profile_dir(location):
    """The profile directory, created when it is missing; one of our own where the user's cannot be written."""
    try:
        return ProfileDir.create_profile_dir(location)
    except OSError as error:
        substitute = tempfile.mkdtemp(prefix="ipengine-profile-")
        native.log("warning", f"the profile directory {location} cannot be used ({error}); using {substitute}")
        return ProfileDir.create_profile_dir(substitute)


def load(directory, traits):
    """The configuration: files of the profile, then ``traits`` (pairs of ``Class.trait`` and text) of the command line."""
    config = Config()
    for extension, loader in ((".py", PyFileConfigLoader), (".json", JSONFileConfigLoader)):
        if os.path.exists(os.path.join(directory, CONFIG_NAME + extension)):
            try:
                config.merge(loader(CONFIG_NAME + extension, directory).load_config())
            except Exception as error:
                native.log("error", f"{directory}/{CONFIG_NAME}{extension} cannot be read and is not used: {error}")
    # An engine's history is nobody's next session, and a thousand engines must not share one database file.
    config.HistoryManager.hist_file = ":memory:"
    for name, value in traits:
        class_name, trait = name.split(".", 1)
        config[class_name][trait] = DeferredConfigString(value)
    return config


class StartupCode(InteractiveShellApp):
    """Runs extensions, ``exec_lines``, ``exec_files`` and the profile's start-up files in the new shell."""

    profile_dir = Any()
    ipython_dir = Unicode()
    log = Any()
    extra_args = Any([])

    def run(self):
        """Everything, in IPython's own order. Errors are logged by IPython; none ends the engine."""
        self.init_gui_pylab()
        self.init_extensions()
        self.init_code()


def run_startup_code(kernel, directory, config, settings):
    """Run the configured start-up code, then ``-c`` and ``-s`` of the command line."""
    # The classes by which configuration files of other versions name these settings.
    for alias in ("IPKernelApp", "IPEngine"):
        for trait in ("exec_lines", "exec_files", "extensions", "matplotlib", "pylab"):
            if trait in config[alias] and trait not in config.InteractiveShellApp:
                config.InteractiveShellApp[trait] = config[alias][trait]
    startup = StartupCode(
        config=config,
        shell=kernel.shell,
        profile_dir=directory,
        ipython_dir=os.path.dirname(directory.location),
        log=kernel.log,
    )
    if settings["startup_script"]:
        startup.exec_files = [*startup.exec_files, settings["startup_script"]]
    if settings["startup_command"]:
        startup.exec_lines = [*startup.exec_lines, settings["startup_command"]]
    startup.run()
