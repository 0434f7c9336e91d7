/* A program of the MPI-5.0 standard ABI, built without any MPI: the prototypes that it needs are written out here. */
#include <stdio.h>
#include <stdlib.h>

typedef struct MPI_ABI_Comm *MPI_Comm;
typedef struct MPI_ABI_Datatype *MPI_Datatype;
typedef struct MPI_ABI_Op *MPI_Op;
typedef struct { int MPI_SOURCE, MPI_TAG, MPI_ERROR, MPI_internal[5]; } MPI_Status;
#define MPI_COMM_WORLD ((MPI_Comm)0x101)
#define MPI_INT ((MPI_Datatype)0x209)
#define MPI_OP_NULL ((MPI_Op)0x20)
#define MPI_ANY_TAG (-2)

int MPI_Init(int *, char ***);
int MPI_Finalize(void);
int MPI_Comm_rank(MPI_Comm, int *);
int PMPI_Comm_size(MPI_Comm, int *);
int MPI_Sendrecv(const void *, int, MPI_Datatype, int, int, void *, int, MPI_Datatype, int, int, MPI_Comm, MPI_Status *);
int MPI_Op_create(void (*)(void *, void *, int *, MPI_Datatype *), int, MPI_Op *);
int MPI_Allreduce(const void *, void *, int, MPI_Datatype, MPI_Op, MPI_Comm);
int MPI_Op_free(MPI_Op *);

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
