/* A plugin with every part, and an MPI of one process with functions of its own. */
#include "anympi_plugin.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

static int up, down, polls, steps;

static int initialized(int *flag) { *flag = up; return 0; }
static int finalized(int *flag) { *flag = down; return 0; }
static int version(int *major, int *minor) { *major = 5; *minor = 0; return 0; }
static int library_version(char *text, int *length) { strcpy(text, "parts 1.2.3"); *length = 11; return 0; }
static int rank(void *comm, int *value) { (void)comm; *value = 0; return 0; }
static int size(void *comm, int *value) { (void)comm; *value = 1; return 0; }
static int abort_world(void *comm, int code) { (void)comm; return code; }
static int init_thread(int *argc, char ***argv, int wanted, int *granted) {
    (void)argc, (void)argv;
    up = 1;
    *granted = wanted;
    return 0;
}
static int finalize(void) { down = 1; return 0; }

static anympi_function own(const char *name) {
    static const struct { const char *name; anympi_function function; } functions[] = {
        {"MPI_Initialized", (anympi_function)initialized}, {"MPI_Finalized", (anympi_function)finalized},
        {"MPI_Get_version", (anympi_function)version}, {"MPI_Get_library_version", (anympi_function)library_version},
        {"MPI_Comm_rank", (anympi_function)rank}, {"MPI_Comm_size", (anympi_function)size},
        {"MPI_Abort", (anympi_function)abort_world}, {"MPI_Init_thread", (anympi_function)init_thread},
        {"MPI_Finalize", (anympi_function)finalize},
    };
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (strcmp(name, functions[i].name) == 0) return functions[i].function;
    return NULL;
}

static int32_t probe(const anympi_request *request, anympi_offer *offer, anympi_error *error) {
    (void)request, (void)error;
    offer->source = ANYMPI_SOURCE_OWN;
    return ANYMPI_OK;
}

static void poll_once(void) { polls++; }

static int32_t run(const anympi_loop *loop, anympi_error *error) {
    (void)error;
    while (loop->step(loop, 7) != 0)
        if (++steps == 10) break; /* on purpose: it ends only when step says so */
    return ANYMPI_OK;
}

static int32_t prepare(const anympi_request *request, const anympi_launch *launch, anympi_error *error) {
    char text[64];
    if (strcmp(request->argument, "refuse") == 0) {
        strcpy(error->message, "not with this launcher");
        return ANYMPI_ERROR_UNAVAILABLE;
    }
    snprintf(text, sizeof text, "--%s=%u", launch->kind, (unsigned)launch->ranks);
    launch->word(launch, text);
    launch->variable(launch, "SITE_MPI", request->argument);
    return ANYMPI_OK;
}

static void before(void) { polls += 1000; }
static void after(void) { polls += 1000000; }

static const char *code(void) {
    static char text[64];
    snprintf(text, sizeof text, "polls, steps = %d, %d", polls, steps);
    return text;
}

static const anympi_backend backend = {sizeof backend, 0, probe, NULL, own, NULL, NULL};
static const anympi_progress progress = {sizeof progress, 2500, poll_once};
static const anympi_main_loop main_loop = {sizeof main_loop, 0, run};
static const anympi_launching launching = {sizeof launching, 0, prepare};
static const anympi_shutdown shutdown = {sizeof shutdown, 0, before, after};
static const anympi_python python = {sizeof python, 0, code};

static const void *extension(const char *id) {
    if (strcmp(id, ANYMPI_PLUGIN_BACKEND) == 0) return &backend;
    if (strcmp(id, ANYMPI_PLUGIN_PROGRESS) == 0) return &progress;
    if (strcmp(id, ANYMPI_PLUGIN_MAIN_LOOP) == 0) return &main_loop;
    if (strcmp(id, ANYMPI_PLUGIN_LAUNCHING) == 0) return &launching;
    if (strcmp(id, ANYMPI_PLUGIN_SHUTDOWN) == 0) return &shutdown;
    if (strcmp(id, ANYMPI_PLUGIN_PYTHON) == 0) return &python;
    return NULL;
}

static const anympi_plugin plugin = {sizeof plugin, ANYMPI_PLUGIN_ABI, ANYMPI_PLUGIN_MAGIC, "parts", "1.0.0",
                                     "has every part", extension};

const anympi_plugin *anympi_plugin_entry(const anympi_host *host, uint32_t *version_spoken, anympi_error *error) {
    (void)host, (void)error;
    *version_spoken = ANYMPI_PLUGIN_ABI;
    return &plugin;
}
