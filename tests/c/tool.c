/* A user's tool: it interposes on some functions, counts the program's calls of them and hands them on by their PMPI
 * names. At the end it prints what it has counted. Calls that the library makes inside are none of its business. */
#include <stdio.h>

typedef struct MPI_ABI_Comm *MPI_Comm;
typedef struct MPI_ABI_Datatype *MPI_Datatype;
typedef struct MPI_ABI_Op *MPI_Op;
typedef struct MPI_ABI_Request *MPI_Request;
typedef struct MPI_ABI_Info *MPI_Info;
typedef struct { int MPI_SOURCE, MPI_TAG, MPI_ERROR, MPI_internal[5]; } MPI_Status;
typedef void User(void *, void *, int *, MPI_Datatype *);

#define TOOL(name, parameters, arguments) \
    int P##name parameters;               \
    static int calls_of_##name;           \
    int name parameters                   \
    {                                     \
        calls_of_##name++;                \
        return P##name arguments;         \
    }

/* What ring.c calls, once each. */
TOOL(MPI_Init, (int *argc, char ***argv), (argc, argv))
TOOL(MPI_Comm_rank, (MPI_Comm comm, int *rank), (comm, rank))
TOOL(MPI_Sendrecv,
     (const void *out, int count, MPI_Datatype type, int to, int tag, void *in, int room, MPI_Datatype as, int from,
      int with, MPI_Comm comm, MPI_Status *status),
     (out, count, type, to, tag, in, room, as, from, with, comm, status))
TOOL(MPI_Op_create, (User *function, int commutes, MPI_Op *op), (function, commutes, op))
TOOL(MPI_Allreduce, (const void *out, void *in, int count, MPI_Datatype type, MPI_Op op, MPI_Comm comm),
     (out, in, count, type, op, comm))
TOOL(MPI_Op_free, (MPI_Op *op), (op))

/* What it does not call, but a library may inside. Comm_size it calls by its PMPI name. */
TOOL(MPI_Comm_size, (MPI_Comm comm, int *size), (comm, size))
TOOL(MPI_Type_size, (MPI_Datatype type, int *size), (type, size))
TOOL(MPI_Isend, (const void *out, int count, MPI_Datatype type, int to, int tag, MPI_Comm comm, MPI_Request *request),
     (out, count, type, to, tag, comm, request))
TOOL(MPI_Irecv, (void *in, int room, MPI_Datatype type, int from, int tag, MPI_Comm comm, MPI_Request *request),
     (in, room, type, from, tag, comm, request))
TOOL(MPI_Waitall, (int count, MPI_Request *requests, MPI_Status *statuses), (count, requests, statuses))
TOOL(MPI_Barrier, (MPI_Comm comm), (comm))
TOOL(MPI_Comm_dup, (MPI_Comm comm, MPI_Comm *made), (comm, made))
TOOL(MPI_Info_create, (MPI_Info *info), (info))

int PMPI_Finalize(void);
int MPI_Finalize(void)
{
    printf("tool: Init %d Comm_rank %d Sendrecv %d Op_create %d Allreduce %d Op_free %d others %d\n", calls_of_MPI_Init,
           calls_of_MPI_Comm_rank, calls_of_MPI_Sendrecv, calls_of_MPI_Op_create, calls_of_MPI_Allreduce,
           calls_of_MPI_Op_free,
           calls_of_MPI_Comm_size + calls_of_MPI_Type_size + calls_of_MPI_Isend + calls_of_MPI_Irecv +
               calls_of_MPI_Waitall + calls_of_MPI_Barrier + calls_of_MPI_Comm_dup + calls_of_MPI_Info_create);
    fflush(stdout);
    return PMPI_Finalize();
}
