/* A plugin in C: wraps the MPI of your choice and counts the calls of three functions.
 *
 *     cc -shared -fPIC -I plugins/api/include -o libexample_c.so plugins/example-c/example_c.c
 *     mpirun -n 4 ipengine --mpi=./libexample_c.so:openmpi
 */
#include "anympi_plugin.h"

#include <stdio.h>
#include <string.h>

/* Handles of the standard ABI are pointers, so this file needs no mpi.h. */
typedef int barrier_function(void *comm);
typedef int bcast_function(void *buffer, int count, void *datatype, int root, void *comm);
typedef int allreduce_function(const void *sent, void *received, int count, void *datatype, void *op, void *comm);

static const anympi_host *the_host;
static barrier_function *next_barrier;
static bcast_function *next_bcast;
static allreduce_function *next_allreduce;
static unsigned long barriers, bcasts, allreduces;

static int count_barrier(void *comm) {
    __atomic_add_fetch(&barriers, 1, __ATOMIC_RELAXED);
    return next_barrier(comm);
}

static int count_bcast(void *buffer, int count, void *datatype, int root, void *comm) {
    __atomic_add_fetch(&bcasts, 1, __ATOMIC_RELAXED);
    return next_bcast(buffer, count, datatype, root, comm);
}

static int count_allreduce(const void *sent, void *received, int count, void *datatype, void *op, void *comm) {
    __atomic_add_fetch(&allreduces, 1, __ATOMIC_RELAXED);
    return next_allreduce(sent, received, count, datatype, op, comm);
}

/* Without an argument the host takes the MPI whose mpirun started the process. */
static int32_t probe(const anympi_request *request, anympi_offer *offer, anympi_error *error) {
    (void)request, (void)error;
    offer->source = ANYMPI_SOURCE_WRAPS;
    strcpy(offer->note, "counts MPI_Barrier, MPI_Bcast and MPI_Allreduce");
    return ANYMPI_OK;
}

static int32_t prepare(const anympi_request *request, anympi_error *error) {
    const anympi_wrapped *wrapped = request->wrapped;
    if (wrapped == NULL) {
        error->code = ANYMPI_ERROR_FAILED;
        strcpy(error->message, "there is no MPI to count the calls of");
        return ANYMPI_ERROR_FAILED;
    }
    next_barrier = (barrier_function *)wrapped->symbol(wrapped, "MPI_Barrier");
    next_bcast = (bcast_function *)wrapped->symbol(wrapped, "MPI_Bcast");
    next_allreduce = (allreduce_function *)wrapped->symbol(wrapped, "MPI_Allreduce");
    return ANYMPI_OK;
}

static anympi_function own_function(const char *name) {
    if (strcmp(name, "MPI_Barrier") == 0) return (anympi_function)count_barrier;
    if (strcmp(name, "MPI_Bcast") == 0) return (anympi_function)count_bcast;
    if (strcmp(name, "MPI_Allreduce") == 0) return (anympi_function)count_allreduce;
    return NULL;
}

/* The last word: how often each was called. */
static void report(void) {
    char line[160];
    const anympi_log *log = (const anympi_log *)the_host->extension(the_host, ANYMPI_HOST_LOG);
    snprintf(line, sizeof line, "example_c: %lu barriers, %lu broadcasts, %lu reductions", barriers, bcasts, allreduces);
    if (log != NULL) log->write(the_host, ANYMPI_LOG_INFO, line);
}

static const anympi_backend backend = {sizeof backend, 0, probe, prepare, own_function, NULL, NULL};
static const anympi_shutdown shutdown = {sizeof shutdown, 0, NULL, report};

static const void *extension(const char *id) {
    if (strcmp(id, ANYMPI_PLUGIN_BACKEND) == 0) return &backend;
    if (strcmp(id, ANYMPI_PLUGIN_SHUTDOWN) == 0) return &shutdown;
    return NULL;
}

static const anympi_plugin plugin = {sizeof plugin, ANYMPI_PLUGIN_ABI, ANYMPI_PLUGIN_MAGIC, "example_c", "1.0.0",
                                     "counts calls of the MPI that it wraps", extension};

const anympi_plugin *anympi_plugin_entry(const anympi_host *host, uint32_t *version, anympi_error *error) {
    if (*version < ANYMPI_PLUGIN_ABI) {
        *version = ANYMPI_PLUGIN_ABI;
        error->code = ANYMPI_ERROR_VERSION;
        strcpy(error->message, "this plugin speaks version 1 of the interface and no older one");
        return NULL;
    }
    *version = ANYMPI_PLUGIN_ABI;
    the_host = host;
    return &plugin;
}
