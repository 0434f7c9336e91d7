#!/usr/bin/env bash
# Builds PyTrilinos (Teuchos and Epetra) of Trilinos 13.2 against the Trilinos that Debian installs, which comes without it.
#
# usage: build-pytrilinos.sh SOURCE BUILD DESTINATION PYTHON
#   SOURCE       packages/PyTrilinos of Trilinos' source; read only
#   BUILD        a directory for intermediate files
#   DESTINATION  the directory that gets the package PyTrilinos; goes on PYTHONPATH
#   PYTHON       the interpreter that it is for, with its headers and with NumPy
# environment: JOBS, how many compilers at once (2); CXXFLAGS, how they optimise (-O1, with which one file takes two minutes)
#
# Needs swig, mpicxx of Debian's Open MPI, libtrilinos-{teuchos,epetra,kokkos}-dev. Does by hand, and for these two
# packages alone, what Trilinos' own CMake files would do with the whole of Trilinos below them.
set -euo pipefail

[ $# = 4 ] || { sed -n '4,9s/^# //p' "$0" >&2; exit 2; }
source=$(realpath "$1")/src build=$2 destination=$3 python=$4
package=$destination/PyTrilinos
version=13.2.0
headers=/usr/include/trilinos

rm -rf "$build" "$package"
mkdir -p "$build" "$package/Teuchos"
build=$(realpath "$build") package=$(realpath "$package")
cd "$build"

fail() { echo "build-pytrilinos.sh: $*" >&2; exit 1; }

# change FILE COUNT SCRIPT: edits a file with sed; SCRIPT has to change COUNT lines, or this is another PyTrilinos.
change() {
    cp "$1" "$1.before"
    sed -i "$3" "$1"
    local changed
    changed=$(diff "$1.before" "$1" | grep -c '^>' || true)
    [ "$changed" = "$2" ] || fail "$3 changed $changed lines of $1, not $2"
}

# --- Faults of PyTrilinos ------------------------------------------------------------------------------------------------

cp "$source"/*.i "$source"/*.hpp "$source"/PyTrilinos_*.cpp .
for file in Epetra_Comm.i Teuchos_Comm.i; do
    # The copy of sys.argv for MPI_Init goes the wrong way: out of fresh memory, into Python's immutable bytes.
    change $file 1 's/strcpy(bytes,argv\[i\])/strcpy(argv[i],bytes)/'
    # Its error path frees every element, whether set or not.
    change $file 1 's/argv = new char\*\[argc+1\];/argv = new char*[argc+1]();/'
    # An argument that is not ASCII makes the import fail.
    change $file 1 's/PyUnicode_AsASCIIString(item)/PyUnicode_EncodeFSDefault(item)/'
done
swig -python -external-runtime swigpyrun.h
# A vector that lives until the interpreter's end asks for SWIG's table of types when that is gone.
change swigpyrun.h 1 's/^\( *\)\(swig_type_info \*ret = SWIG_MangledTypeQueryModule(start, end, name);\)/\1if (!start) return 0; \2/'

# --- What CMake would generate -------------------------------------------------------------------------------------------

sed -E -e 's/^#cmakedefine (HAVE_MPI|HAVE_PYTRILINOS_EPETRA)$/#define \1/' -e '/^#cmakedefine/d' \
    -e 's/@CMAKE_CXX_COMPILER_ID@/GNU/' "$source/../cmake/PyTrilinos_config.h.in" >PyTrilinos_config.h
cp "$source/pyfragments.swg.in" pyfragments.swg
for module in __init__ PropertyBase typed_tuple typed_list typed_dict Teuchos/__init__; do
    sed -e "s|\${PYTHON_EXECUTABLE}|$python|" -e "s|\${Py\(Trilinos_VERSION\)}|$version|; s|\${Trilinos_VERSION}|$version|" \
        -e "s|\${PyTrilinos_LIST}|    'Teuchos', 'Epetra'|" -e "s|\${PyTrilinos_ALL}|__all__ = ['Teuchos', 'Epetra']|" \
        "$source/PyTrilinos/$module.py.in" >"$package/$module.py"
done
mpi_headers=$(mpicxx.openmpi --showme:incdirs | cut -d ' ' -f 1)
sed -e "s|\${CMAKE_CURRENT_SOURCE_DIR}|$build|" -e "s|\${MPI_BASE_DIR}/include|$mpi_headers|" -e 's|\${MPI_BASE_DIR}|/usr|' \
    -e 's/\${\(TPL_ENABLE_MPI\|PyTrilinos_ENABLE_Epetra\)}/ON/' -e 's/\${[A-Za-z_]*}//' "$source/gen_teuchos_rcp.py.in" |
    "$python" - >Teuchos.RCP.i

# --- Wrappers ------------------------------------------------------------------------------------------------------------

wrap() { # MODULE INTERFACE DIRECTORY
    swig -python -c++ -relativeimport -I. -I$headers -outdir "$3" -o "$1_wrap.cpp" "$2" >"swig-$1.log" 2>&1 ||
        { cat "swig-$1.log" >&2; fail "swig refuses $2"; }
}
wrap Teuchos Teuchos.i "$package/Teuchos" &
wrap RCP Teuchos.RCP.i "$package/Teuchos" &
wrap Epetra Epetra.i "$package"
wait -n; wait -n

# --- Compiling and linking -----------------------------------------------------------------------------------------------

common="PythonException FILEstream Util NumPyImporter NumPy_Util DAP Teuchos_Util Epetra_Util LinearProblem"
flags=$("$python" -c 'import sysconfig, numpy; print("-I" + sysconfig.get_path("include"), "-I" + numpy.get_include())')
# NumPy 2 would hide the pointer to its functions, which libpytrilinos.so shares with the modules.
export flags="-std=c++17 -fPIC ${CXXFLAGS:--O1} -g0 -w -fno-strict-aliasing -DNPY_API_SYMBOL_ATTRIBUTE= -I. -isystem $headers $flags"
# The largest first, so that no compiler is left alone at the end.
printf '%s\n' Epetra_wrap RCP_wrap Teuchos_wrap $(printf 'PyTrilinos_%s ' $common) |
    xargs -P "${JOBS:-2}" -I{} sh -c 'mpicxx.openmpi $flags -c {}.cpp -o {}.o || { echo "cannot compile {}.cpp" >&2; exit 255; }'

libraries="-ltrilinos_epetra -ltrilinos_teuchoscomm -ltrilinos_teuchosnumerics -ltrilinos_teuchosparameterlist -ltrilinos_teuchosremainder
    -ltrilinos_teuchosparser -ltrilinos_teuchoscore"
link() { mpicxx.openmpi -shared -s -Wl,--as-needed -Wl,-z,origin "$@" $libraries; }
link -Wl,-soname,libpytrilinos.so -o "$package/libpytrilinos.so" $(printf 'PyTrilinos_%s.o ' $common)
link -Wl,-rpath,'$ORIGIN/..' -o "$package/Teuchos/_Base.so" Teuchos_wrap.o -L"$package" -lpytrilinos
link -Wl,-rpath,'$ORIGIN/..' -o "$package/Teuchos/_RCP.so" RCP_wrap.o -L"$package" -lpytrilinos
link -Wl,-rpath,'$ORIGIN' -o "$package/_Epetra.so" Epetra_wrap.o -L"$package" -lpytrilinos

PYTHONPATH=$destination "$python" -c 'import PyTrilinos'
