// Trilinos as a notebook uses it through ctypes: a distributed vector's norm and a distributed solve on MPI_COMM_WORLD.
//
// An example of a user's own library, and what the tests call on engines started with --mpi=trilinos. Every function is
// collective: all ranks call it with the same arguments. MPI is up already; nothing here initialises it.

#include <algorithm>
#include <exception>
#include <vector>

#include <AztecOO.h>
#include <Epetra_CrsMatrix.h>
#include <Epetra_Map.h>
#include <Epetra_MpiComm.h>
#include <Epetra_Vector.h>
#include <Kokkos_Core.hpp>
#if __has_include(<Tpetra_Core.hpp>)
#include <Tpetra_Core.hpp>
#define WITH_TPETRA
#endif

namespace {

// -u'' on `points` inner points, scaled by the square of their distance: 2 on the diagonal, -1 beside it.
Epetra_CrsMatrix laplace(const Epetra_Map &map) {
    Epetra_CrsMatrix matrix(Copy, map, 3);
    const int last = map.NumGlobalElements() - 1;
    for (int local = 0; local < map.NumMyElements(); ++local) {
        const int row = map.GID(local);
        std::vector<int> columns;
        std::vector<double> values;
        for (int column = std::max(row - 1, 0); column <= std::min(row + 1, last); ++column) {
            columns.push_back(column);
            values.push_back(column == row ? 2.0 : -1.0);
        }
        matrix.InsertGlobalValues(row, static_cast<int>(columns.size()), values.data(), columns.data());
    }
    matrix.FillComplete();
    return matrix;
}

} // namespace

// How many ranks Epetra sees.
extern "C" int laplace_ranks() {
    return Epetra_MpiComm(MPI_COMM_WORLD).NumProc();
}

// The Euclidean norm of the vector 1, 2, ... points, of which every rank has a part. Negative on failure.
extern "C" double laplace_norm(int points) try {
    const Epetra_MpiComm world(MPI_COMM_WORLD);
    const Epetra_Map map(points, 0, world);
    Epetra_Vector vector(map);
    for (int local = 0; local < map.NumMyElements(); ++local) {
        vector[local] = map.GID(local) + 1.0;
    }
    double norm = -1.0;
    vector.Norm2(&norm);
    return norm;
} catch (const std::exception &) {
    return -1.0;
}

// Solves laplace * solution = 1 by conjugate gradients. Writes this rank's part of the solution, at most `capacity` numbers,
// and the index of the first of them. Returns how many there are, or -1 when the solver did not converge or failed.
extern "C" int laplace_solve(int points, double tolerance, double *solution, int capacity, int *first) try {
    const Epetra_MpiComm world(MPI_COMM_WORLD);
    const Epetra_Map map(points, 0, world);
    Epetra_CrsMatrix matrix = laplace(map);
    Epetra_Vector unknown(map), right_side(map);
    right_side.PutScalar(1.0);
    AztecOO solver(&matrix, &unknown, &right_side);
    solver.SetAztecOption(AZ_solver, AZ_cg);
    solver.SetAztecOption(AZ_precond, AZ_Jacobi);
    solver.SetAztecOption(AZ_output, AZ_none);
    const int outcome = solver.Iterate(2 * points, tolerance);
    if (outcome != 0 || map.NumMyElements() > capacity) {
        return -1;
    }
    std::copy_n(unknown.Values(), map.NumMyElements(), solution);
    *first = map.MinMyGID();
    return map.NumMyElements();
} catch (const std::exception &) {
    return -1;
}

// Starts Tpetra, or Kokkos where Trilinos has no Tpetra, and leaves it running, as code that is interrupted does. Returns
// whether Kokkos runs.
extern "C" int laplace_leave_kokkos_running() try {
#ifdef WITH_TPETRA
    int count = 0;
    char *none = nullptr;
    char **arguments = &none;
    Tpetra::initialize(&count, &arguments, MPI_COMM_WORLD);
#else
    Kokkos::initialize();
#endif
    return Kokkos::is_initialized() ? 1 : 0;
} catch (const std::exception &) {
    return 0;
}
