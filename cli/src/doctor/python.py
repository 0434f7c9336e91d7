import glob, importlib.metadata, importlib.util, json, os, re, sys


def version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def modules():
    """What each extension module of mpi4py is for: its name says it, else the libraries that it names."""
    spec = importlib.util.find_spec("mpi4py")
    found = []
    for directory in (spec.submodule_search_locations or []) if spec else []:
        for path in sorted(glob.glob(os.path.join(glob.escape(directory), "MPI.*.so"))):
            kind = os.path.basename(path).split(".")[1]
            if not kind.startswith(("cpython", "abi3", "so")):
                found.append(kind)
                continue
            with open(path, "rb") as file:
                names = re.findall(rb"\0(libmpi[a-z_]*\.so[.0-9]*)\0", file.read())
            found.extend(sorted({name.decode() for name in names}))
    return found


print(json.dumps({
    "version": "Python " + sys.version.split()[0],
    "ipykernel": version("ipykernel"),
    "mpi4py": version("mpi4py"),
    "modules": modules(),
}))
