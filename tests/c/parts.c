/* A plugin that wraps another MPI and has a part in the engine's main loop: with OWN_LOOP it owns that loop, without it makes
 * progress while the engine is idle. What it has seen it tells those who load it once more, as ctypes does. */
#define _GNU_SOURCE
#include "anympi_plugin.h"

#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static const anympi_host *the_host;

/* How often its part was called, and how often on another thread than the process's first. */
ANYMPI_PLUGIN_EXPORT unsigned long calls, strays;

static void count(void) {
    __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED);
    if (syscall(SYS_gettid) != getpid()) __atomic_add_fetch(&strays, 1, __ATOMIC_RELAXED);
}

static int32_t probe(const anympi_request *request, anympi_offer *offer, anympi_error *error) {
    (void)request, (void)error;
    offer->source = ANYMPI_SOURCE_WRAPS;
    return ANYMPI_OK;
}

static const anympi_backend backend = {sizeof backend, 0, probe, NULL, NULL, NULL, NULL};

#ifdef OWN_LOOP
/* A number of steps that nobody tells it to end after; 0: it does as it is told. */
#ifndef ENDS_AFTER
#define ENDS_AFTER 0
#endif
#define NAME "own_loop"
#define PART ANYMPI_PLUGIN_MAIN_LOOP

static int32_t run(const anympi_loop *loop, anympi_error *error) {
    const anympi_log *log = (const anympi_log *)the_host->extension(the_host, ANYMPI_HOST_LOG);
    (void)error;
    do count();
    while (loop->step(loop, 20) != 0 && ENDS_AFTER != calls);
    log->write(the_host, ANYMPI_LOG_INFO, "own_loop: the loop has ended");
    return ANYMPI_OK;
}

static const anympi_main_loop part = {sizeof part, 0, run};
#else
#define NAME "progress"
#define PART ANYMPI_PLUGIN_PROGRESS

static const anympi_progress part = {sizeof part, 1000, count};
#endif

static const void *extension(const char *id) {
    if (strcmp(id, ANYMPI_PLUGIN_BACKEND) == 0) return &backend;
    return strcmp(id, PART) == 0 ? &part : NULL;
}

static const anympi_plugin plugin = {sizeof plugin, ANYMPI_PLUGIN_ABI, ANYMPI_PLUGIN_MAGIC, NAME, "1.0.0",
                                     "has a part in the main loop", extension};

const anympi_plugin *anympi_plugin_entry(const anympi_host *host, uint32_t *version, anympi_error *error) {
    (void)error;
    *version = ANYMPI_PLUGIN_ABI;
    the_host = host;
    return &plugin;
}
