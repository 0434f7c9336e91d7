/* The calls that are measured. See side.h. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "side.h"

enum { WINDOW = 32, LARGEST = 4 << 20, TAG = 7 };

static MPI_Comm dup;      /* of MPI_COMM_WORLD: a handle that no table of predefined ones holds */
static MPI_Comm alone;    /* of MPI_COMM_SELF */
static MPI_Datatype vector;
static MPI_Op user_sum;
static MPI_Status received;
static int rank;
static char *outgoing, *incoming;

/* A failure is the end: what is measured after it means nothing. */
static void check(int code, const char *what)
{
    if (code != MPI_SUCCESS) {
        fprintf(stderr, "%s failed with code %d\n", what, code);
        abort();
    }
}
#define CHECK(call) check((call), #call)

/* Calls whose results no loop may move out. */
static volatile long sink;

static void add(void *in, void *in_out, int *count, MPI_Datatype *datatype)
{
    int *from = in, *to = in_out;
    (void)datatype;
    for (int index = 0; index < *count; index++)
        to[index] += from[index];
}

static void comm_rank(long turns)
{
    int value = 0;
    while (turns-- > 0) {
        MPI_Comm_rank(MPI_COMM_WORLD, &value);
        sink = value;
    }
}

static void comm_size(long turns)
{
    int value = 0;
    while (turns-- > 0) {
        MPI_Comm_size(dup, &value);
        sink = value;
    }
}

static void type_size(long turns)
{
    int value = 0;
    while (turns-- > 0) {
        MPI_Type_size(MPI_DOUBLE, &value);
        sink = value;
    }
}

static void type_get_extent(long turns)
{
    MPI_Aint lower = 0, extent = 0;
    while (turns-- > 0) {
        MPI_Type_get_extent(vector, &lower, &extent);
        sink = (long)extent;
    }
}

static void comm_get_attr(long turns)
{
    void *value = NULL;
    int flag = 0;
    while (turns-- > 0) {
        MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_TAG_UB, &value, &flag);
        sink = flag;
    }
}

static void get_count(long turns)
{
    int value = 0;
    while (turns-- > 0) {
        MPI_Get_count(&received, MPI_INT, &value);
        sink = value;
    }
}

static void iprobe(long turns)
{
    int flag = 0;
    while (turns-- > 0) {
        MPI_Iprobe(MPI_ANY_SOURCE, TAG, alone, &flag, MPI_STATUS_IGNORE);
        sink = flag;
    }
}

static void isend_wait(long turns)
{
    while (turns-- > 0) {
        MPI_Request request;
        MPI_Isend(outgoing, 1, MPI_INT, MPI_PROC_NULL, TAG, MPI_COMM_WORLD, &request);
        MPI_Wait(&request, MPI_STATUS_IGNORE);
    }
}

static void sendrecv_self(long turns)
{
    MPI_Status status;
    while (turns-- > 0)
        MPI_Sendrecv(outgoing, 8, MPI_BYTE, 0, TAG, incoming, 8, MPI_BYTE, 0, TAG, MPI_COMM_SELF, &status);
}

static void pair(long turns)
{
    MPI_Request requests[2];
    MPI_Status statuses[2];
    while (turns-- > 0) {
        MPI_Irecv(incoming, 8, MPI_BYTE, 0, TAG, MPI_COMM_SELF, &requests[0]);
        MPI_Isend(outgoing, 8, MPI_BYTE, 0, TAG, MPI_COMM_SELF, &requests[1]);
        MPI_Waitall(2, requests, statuses);
    }
}

static void window_self(long turns)
{
    MPI_Request requests[2 * WINDOW];
    while (turns-- > 0) {
        for (int index = 0; index < WINDOW; index++) {
            MPI_Irecv(incoming + 8 * index, 8, MPI_BYTE, 0, TAG, MPI_COMM_SELF, &requests[2 * index]);
            MPI_Isend(outgoing + 8 * index, 8, MPI_BYTE, 0, TAG, MPI_COMM_SELF, &requests[2 * index + 1]);
        }
        MPI_Waitall(2 * WINDOW, requests, MPI_STATUSES_IGNORE);
    }
}

static void testall(long turns)
{
    MPI_Request requests[8];
    int flag = 0;
    for (int index = 0; index < 8; index++)
        requests[index] = MPI_REQUEST_NULL;
    while (turns-- > 0) {
        MPI_Testall(8, requests, &flag, MPI_STATUSES_IGNORE);
        sink = flag;
    }
}

static void allreduce_self(long turns)
{
    while (turns-- > 0)
        MPI_Allreduce(outgoing, incoming, 1, MPI_DOUBLE, MPI_SUM, MPI_COMM_SELF);
}

static void reduce_local_sum(long turns)
{
    while (turns-- > 0)
        MPI_Reduce_local(outgoing, incoming, 1, MPI_INT, MPI_SUM);
}

static void reduce_local_user(long turns)
{
    while (turns-- > 0)
        MPI_Reduce_local(outgoing, incoming, 1, MPI_INT, user_sum);
}

static void ping_pong(long turns)
{
    int other = 1 - rank;
    while (turns-- > 0) {
        if (rank == 0) {
            MPI_Send(outgoing, 8, MPI_BYTE, other, TAG, MPI_COMM_WORLD);
            MPI_Recv(incoming, 8, MPI_BYTE, other, TAG, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        } else {
            MPI_Recv(incoming, 8, MPI_BYTE, other, TAG, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
            MPI_Send(outgoing, 8, MPI_BYTE, other, TAG, MPI_COMM_WORLD);
        }
    }
}

/* `window` messages of `bytes` from rank 0 to rank 1, then a word that they have come. */
static void stream(long turns, int window, int bytes)
{
    MPI_Request requests[2 * WINDOW];
    while (turns-- > 0) {
        for (int index = 0; index < window; index++) {
            /* Small messages have places of their own; large ones share one, as in every benchmark of bandwidth. */
            char *out = outgoing + (bytes < 4096 ? bytes * index : 0), *in = incoming + (out - outgoing);
            if (rank == 0)
                MPI_Isend(out, bytes, MPI_BYTE, 1, TAG, MPI_COMM_WORLD, &requests[index]);
            else
                MPI_Irecv(in, bytes, MPI_BYTE, 0, TAG, MPI_COMM_WORLD, &requests[index]);
        }
        MPI_Waitall(window, requests, MPI_STATUSES_IGNORE);
        if (rank == 0)
            MPI_Recv(incoming, 1, MPI_BYTE, 1, TAG, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        else
            MPI_Send(outgoing, 1, MPI_BYTE, 0, TAG, MPI_COMM_WORLD);
    }
}

static void message_rate(long turns) { stream(turns, 2 * WINDOW, 8); }
static void stream_1k(long turns) { stream(turns, 16, 1 << 10); }
static void stream_16k(long turns) { stream(turns, 16, 16 << 10); }
static void stream_64k(long turns) { stream(turns, 8, 64 << 10); }
static void stream_256k(long turns) { stream(turns, 4, 256 << 10); }
static void stream_1m(long turns) { stream(turns, 2, 1 << 20); }
static void stream_4m(long turns) { stream(turns, 2, LARGEST); }

static void allreduce(long turns)
{
    while (turns-- > 0)
        MPI_Allreduce(outgoing, incoming, 1, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
}

static const struct measured measured[] = {
    { "Comm_rank", 1, 0, 1, comm_rank },
    { "Comm_size of a dup", 1, 0, 1, comm_size },
    { "Type_size", 1, 0, 1, type_size },
    { "Type_get_extent", 1, 0, 1, type_get_extent },
    { "Comm_get_attr TAG_UB", 1, 0, 1, comm_get_attr },
    { "Get_count", 1, 0, 1, get_count },
    { "Iprobe", 1, 0, 1, iprobe },
    { "Isend to nobody + Wait", 1, 0, 1, isend_wait },
    { "Sendrecv self", 1, 0, 1, sendrecv_self },
    { "Irecv + Isend + Waitall(2)", 1, 0, 1, pair },
    { "32 Irecv, Isend + Waitall(64)", 1, 0, 1, window_self },
    { "Testall of 8 null", 1, 0, 1, testall },
    { "Allreduce on SELF", 1, 0, 1, allreduce_self },
    { "Reduce_local SUM", 1, 0, 1, reduce_local_sum },
    { "Reduce_local user op", 1, 0, 1, reduce_local_user },
    { "ping-pong", 2, 0, 2, ping_pong },
    { "message rate", 2, 0, 2 * WINDOW, message_rate },
    { "Allreduce", 2, 0, 1, allreduce },
    { "bandwidth 1 KB", 2, 1 << 10, 16, stream_1k },
    { "bandwidth 16 KB", 2, 16 << 10, 16, stream_16k },
    { "bandwidth 64 KB", 2, 64 << 10, 8, stream_64k },
    { "bandwidth 256 KB", 2, 256 << 10, 4, stream_256k },
    { "bandwidth 1 MB", 2, 1 << 20, 2, stream_1m },
    { "bandwidth 4 MB", 2, LARGEST, 2, stream_4m },
};

static void initialize(int *own_rank, int *size)
{
    CHECK(MPI_Init(NULL, NULL));
    CHECK(MPI_Comm_rank(MPI_COMM_WORLD, own_rank));
    CHECK(MPI_Comm_size(MPI_COMM_WORLD, size));
}

static void prepare(void)
{
    CHECK(MPI_Comm_rank(MPI_COMM_WORLD, &rank));
    CHECK(MPI_Comm_dup(MPI_COMM_WORLD, &dup));
    CHECK(MPI_Comm_dup(MPI_COMM_SELF, &alone));
    CHECK(MPI_Type_vector(4, 2, 3, MPI_INT, &vector));
    CHECK(MPI_Type_commit(&vector));
    CHECK(MPI_Op_create(add, 1, &user_sum));
    outgoing = calloc(1, LARGEST);
    incoming = calloc(1, LARGEST);
    if (outgoing == NULL || incoming == NULL)
        abort();
    CHECK(MPI_Sendrecv(outgoing, 4, MPI_INT, 0, TAG, incoming, 4, MPI_INT, 0, TAG, MPI_COMM_SELF, &received));
}

static void barrier(void) { CHECK(MPI_Barrier(MPI_COMM_WORLD)); }

static long agree(long value)
{
    CHECK(MPI_Bcast(&value, 1, MPI_LONG, 0, MPI_COMM_WORLD));
    return value;
}

static void finish(void)
{
    free(outgoing);
    free(incoming);
    CHECK(MPI_Op_free(&user_sum));
    CHECK(MPI_Type_free(&vector));
    CHECK(MPI_Comm_free(&alone));
    CHECK(MPI_Comm_free(&dup));
}

static void finalize(void) { CHECK(MPI_Finalize()); }

static int version(void)
{
    int major = 0, minor = 0;
    CHECK(MPI_Get_version(&major, &minor));
    return major;
}

const struct side side = {
    initialize, prepare, barrier, agree, finish, finalize, version, sizeof measured / sizeof *measured, measured,
};
