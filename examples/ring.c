/* A ring of messages and a reduction by a function of its own. Build once, run on any MPI:
 *
 *     anympi cc examples/ring.c -o ring
 *     anympi run -n 4 --mpi=openmpi ./ring
 *     anympi run -n 4 --mpi=mpich ./ring
 */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

static void larger(void *in, void *inout, int *count, MPI_Datatype *datatype)
{
    if (*datatype != MPI_INT)
        exit(3);
    for (int i = 0; i < *count; i++)
        if (((int *)in)[i] > ((int *)inout)[i])
            ((int *)inout)[i] = ((int *)in)[i];
}

int main(int argc, char **argv)
{
    int rank, size, received = -1, largest = -1;
    MPI_Status status;
    MPI_Op op = MPI_OP_NULL;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    PMPI_Comm_size(MPI_COMM_WORLD, &size);
    int left = (rank + size - 1) % size, right = (rank + 1) % size;
    MPI_Sendrecv(&rank, 1, MPI_INT, right, 10 + rank, &received, 1, MPI_INT, left, MPI_ANY_TAG, MPI_COMM_WORLD, &status);
    if (received != left || status.MPI_SOURCE != left || status.MPI_TAG != 10 + left)
        return 2;
    MPI_Op_create(larger, 1, &op);
    MPI_Allreduce(&rank, &largest, 1, MPI_INT, op, MPI_COMM_WORLD);
    MPI_Op_free(&op);
    if (rank == 0)
        printf("ring of %d, largest rank %d\n", size, largest);
    MPI_Finalize();
    return largest == size - 1 && op == MPI_OP_NULL ? 0 : 4;
}
