/* A plugin that is broken in the way that its file name says: one compilation, many copies.
 * "fine" is not broken: an MPI of one process with functions of its own. */
#define _GNU_SOURCE
#include "anympi_plugin.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


#ifdef UNRESOLVED
extern void nobody_defines_this(void);
#endif

static int marker;

static int is(const char *fault) {
    Dl_info info;
    const char *name;
    if (dladdr(&marker, &info) == 0) return 0;
    name = strrchr(info.dli_fname, '/');
    name = name == NULL ? info.dli_fname : name + 1;
    return strncmp(name, fault, strlen(fault)) == 0 && strcmp(name + strlen(fault), ".so") == 0;
}

static void for_ever(void) {
    for (;;) pause();
}

__attribute__((constructor)) static void loaded(void) {
    if (is("endless_constructor")) for_ever();
    if (is("abort_in_constructor")) abort();
}

static int32_t fail(anympi_error *error, int32_t code, const char *message) {
    error->code = code;
    strcpy(error->message, message);
    return code;
}

/* An MPI of one process. */
static int up, down;
static int mpi_initialized(int *flag) { *flag = up; return 0; }
static int mpi_finalized(int *flag) { *flag = down; return 0; }
static int mpi_version(int *major, int *minor) { *major = 5; *minor = 0; return 0; }
static int mpi_library_version(char *text, int *length) { strcpy(text, "fake 1.0.0"); *length = 10; return 0; }
static int mpi_rank(void *comm, int *rank) { (void)comm; *rank = is("wrong_rank") ? 5 : is("negative_rank") ? -1 : 0; return 0; }
static int mpi_size(void *comm, int *size) { (void)comm; *size = is("wrong_world") ? 3 : 1; return 0; }
static int mpi_abort(void *comm, int code) { (void)comm; exit(code); }
static int mpi_barrier(void *comm) { (void)comm; return is("barrier_fails") ? 16 : 0; }
static int mpi_finalize(void) { if (down) abort(); down = 1; return 0; }

static anympi_function own_function(const char *name) {
    if (is("nonsense_function") && strcmp(name, "MPI_Barrier") == 0) return (anympi_function)(uintptr_t)0x10;
    if (is("every_function")) return (anympi_function)mpi_barrier;
    if (strcmp(name, "MPI_Initialized") == 0) return (anympi_function)mpi_initialized;
    if (strcmp(name, "MPI_Finalized") == 0) return (anympi_function)mpi_finalized;
    if (strcmp(name, "MPI_Get_version") == 0) return (anympi_function)mpi_version;
    if (strcmp(name, "MPI_Get_library_version") == 0) return (anympi_function)mpi_library_version;
    if (strcmp(name, "MPI_Comm_rank") == 0) return (anympi_function)mpi_rank;
    if (strcmp(name, "MPI_Comm_size") == 0 && !is("lacks_a_function")) return (anympi_function)mpi_size;
    if (strcmp(name, "MPI_Abort") == 0) return (anympi_function)mpi_abort;
    if (strcmp(name, "MPI_Barrier") == 0) return (anympi_function)mpi_barrier;
    return NULL;
}

static int32_t probe(const anympi_request *request, anympi_offer *offer, anympi_error *error) {
    static int probes;
    (void)request;
#ifdef UNRESOLVED
    nobody_defines_this();
#endif
    if (is("abort_in_probe")) abort();
    if (is("crash_in_probe")) *(volatile int *)(uintptr_t)8 = 1;
    if (is("endless_probe")) for_ever();
    if (is("exit_in_probe")) exit(3);
    if (is("unavailable")) return fail(error, ANYMPI_ERROR_UNAVAILABLE, "there is no such machine here");
    if (is("silent_failure")) return 77;
    if (is("noise")) printf("noise\n"), fflush(stdout);
    if (is("much_noise")) for (;;) printf("noise noise noise noise noise noise noise noise\n");
    if (is("changes_environment")) setenv("BROKEN_PLUGIN", "1", 1);
    if (is("changes_directory")) (void)!chdir("/");
    offer->source = ANYMPI_SOURCE_OWN;
    if (is("changes_its_mind") && probes++ > 0) strcpy(offer->note, "another offer");
    if (is("bad_source")) offer->source = 99;
    if (is("bad_family")) offer->family = 99;
    if (is("relative_library")) offer->source = ANYMPI_SOURCE_LIBRARY, strcpy(offer->library, "libmpi.so");
    if (is("missing_library")) offer->source = ANYMPI_SOURCE_LIBRARY, strcpy(offer->library, "/nowhere/libmpi.so");
    if (is("linked_to_nothing")) offer->source = ANYMPI_SOURCE_PROCESS;
    if (is("wraps_nothing")) offer->source = ANYMPI_SOURCE_WRAPS, strcpy(offer->wraps, "no_such_mpi");
    if (is("unended_text")) offer->source = ANYMPI_SOURCE_WRAPS, memset(offer->wraps, 'x', sizeof offer->wraps);
    if (is("unended_error")) return memset(error->message, 'x', sizeof error->message), 5;
    return ANYMPI_OK;
}

static int32_t prepare(const anympi_request *request, anympi_error *error) {
    (void)request;
    if (is("open_fails")) return fail(error, ANYMPI_ERROR_FAILED, "open failed on purpose");
    if (is("open_crashes")) abort();
    if (is("calls_mpi_in_open")) up = 1;
    return ANYMPI_OK;
}

static int32_t bring_up(int *argc, char ***argv, int32_t wanted, int32_t *granted, anympi_error *error) {
    (void)argc, (void)argv, (void)wanted;
    if (is("bring_up_fails")) return fail(error, ANYMPI_ERROR_MPI, "bring_up failed on purpose");
    if (is("bring_up_aborts")) abort();
    *granted = is("wrong_level") ? 77 : ANYMPI_THREAD_SINGLE;
    up = !is("not_up");
    return ANYMPI_OK;
}

static int32_t take_down(anympi_error *error) {
    (void)error;
    if (is("stays_up")) return ANYMPI_OK;
    mpi_finalize();
    if (is("finalizes_twice")) mpi_finalize();
    return ANYMPI_OK;
}

static anympi_backend backend = {sizeof backend, 0, probe, prepare, own_function, bring_up, take_down};

static const void *extension(const char *id) {
    if (is("no_backend")) return NULL;
    if (is("every_part")) return &backend;
    if (is("crash_in_extension")) abort();
    return strcmp(id, ANYMPI_PLUGIN_BACKEND) == 0 ? &backend : NULL;
}

static anympi_plugin plugin = {sizeof plugin, ANYMPI_PLUGIN_ABI, ANYMPI_PLUGIN_MAGIC, "broken", "1", "is broken", extension};

#ifndef NO_ENTRY
const anympi_plugin *anympi_plugin_entry(const anympi_host *host, uint32_t *version, anympi_error *error) {
    (void)host;
    if (is("abort_in_entry")) abort();
    if (is("entry_fails")) return fail(error, ANYMPI_ERROR_FAILED, "the entry failed on purpose"), (anympi_plugin *)NULL;
    if (is("returns_nothing")) return NULL;
    if (is("wild_structure")) return (anympi_plugin *)(uintptr_t)0x1000;
    if (is("too_new")) return *version = 7, fail(error, ANYMPI_ERROR_VERSION, "needs version 7"), (anympi_plugin *)NULL;
    if (is("too_old")) return *version = 0, &plugin;
    if (*version < ANYMPI_PLUGIN_ABI && !is("accepts_version_0")) {
        *version = ANYMPI_PLUGIN_ABI;
        return fail(error, ANYMPI_ERROR_VERSION, "speaks version 1"), (anympi_plugin *)NULL;
    }
    if (!is("keeps_the_version")) *version = ANYMPI_PLUGIN_ABI;
    if (is("wrong_magic")) plugin.magic = 1;
    if (is("truncated")) plugin.size = 8;
    if (is("truncated_backend")) backend.size = 16;
    if (is("null_name")) plugin.name = NULL;
    if (is("wild_name")) plugin.name = (const char *)(uintptr_t)0xdeadbeef000;
    if (is("bad_name")) plugin.name = "Bad Name";
    if (is("name_without_letters")) plugin.name = "";
    if (is("name_not_unicode")) plugin.name = "\xff";
    if (is("null_extension")) plugin.extension = NULL;
    if (is("null_probe")) backend.probe = NULL;
    if (is("probe_is_data")) memcpy(&backend.probe, &(void *){&marker}, sizeof backend.probe);
    if (is("own_without_symbol")) backend.symbol = NULL;
    return &plugin;
}
#endif
