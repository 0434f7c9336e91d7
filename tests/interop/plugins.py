"""Compiling plugins, as their authors would."""

import subprocess

import installed

HEADERS = installed.REPOSITORY / "plugins/api/include"


def compiled(source, plugin, *options):
    """A plugin in C or C++; returns its file."""
    command = ["c++", "-std=c++17"] if source.suffix == ".cpp" else ["cc", "-std=c99"]
    command += ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O2", "-shared", "-fPIC", "-I", HEADERS]
    subprocess.run([*command, *options, "-o", plugin, source], check=True)
    return plugin
