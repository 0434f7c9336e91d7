/* anympi_plugin.h: how a shared library brings an MPI to anympi. C99 and C++17, needs nothing but this file.
 *
 * A plugin exports one function, anympi_plugin_entry. Everything else is reached from the structure that it returns, and
 * grows by extensions that have names. docs/PLUGIN-ABI.md has the rules with their numbers, and a tutorial.
 *
 * What holds everywhere:
 *   - Every structure begins with its size in bytes as its maker knew it; a reader takes fields beyond it for absent.
 *   - Strings are UTF-8 and end with NUL. Nobody frees or changes what the other side owns.
 *   - No exception and no panic leaves a function. No function writes to standard output.
 *   - Reserved fields are zero.
 *
 * In brackets: the thread and the time of a call.
 *   [probe]  perhaps in a process of its own that ends right after; MPI may not be called
 *   [main]   the thread that brings MPI up and takes it down
 *   [any]    any thread, several at once
 */
#ifndef ANYMPI_PLUGIN_H
#define ANYMPI_PLUGIN_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this interface. Versions differ where a plugin of one cannot work with a host of the other. */
#define ANYMPI_PLUGIN_ABI 1u

/* The letters ANYMPIPL in memory order of a little-endian machine. */
#define ANYMPI_PLUGIN_MAGIC UINT64_C(0x4c5049504d594e41)

#if defined(__GNUC__)
#define ANYMPI_PLUGIN_EXPORT __attribute__((visibility("default")))
#else
#define ANYMPI_PLUGIN_EXPORT
#endif

/* What functions return. Anything else counts as ANYMPI_ERROR_FAILED. */
#define ANYMPI_OK 0
#define ANYMPI_ERROR_UNAVAILABLE 1 /* what the plugin needs is not on this machine */
#define ANYMPI_ERROR_VERSION 2     /* no common version of this interface */
#define ANYMPI_ERROR_ARGUMENT 3    /* the text after the plugin's name makes no sense */
#define ANYMPI_ERROR_MPI 4         /* an MPI function failed */
#define ANYMPI_ERROR_FAILED 5      /* anything else */

/* Thread levels, with the numbers of the MPI-5.0 standard ABI. */
#define ANYMPI_THREAD_SINGLE 0
#define ANYMPI_THREAD_FUNNELED 1024
#define ANYMPI_THREAD_SERIALIZED 2048
#define ANYMPI_THREAD_MULTIPLE 4096

/* Where the functions of MPI come from (anympi_offer.source). */
#define ANYMPI_SOURCE_LIBRARY 1 /* from the file that the offer names */
#define ANYMPI_SOURCE_PROCESS 2 /* from the library that the plugin is linked to */
#define ANYMPI_SOURCE_WRAPS 3   /* from another MPI, which the host finds and opens */
#define ANYMPI_SOURCE_OWN 4     /* all of them from anympi_backend.symbol */

/* The binary interface of a library (anympi_offer.family, anympi_wrapped.family). */
#define ANYMPI_FAMILY_UNKNOWN 0 /* the host looks at the file */
#define ANYMPI_FAMILY_OPENMPI 1
#define ANYMPI_FAMILY_MPICH 2
#define ANYMPI_FAMILY_STANDARD 3 /* the standard ABI of MPI-5.0 */

/* How much a line of the log matters. */
#define ANYMPI_LOG_DEBUG 10
#define ANYMPI_LOG_INFO 20
#define ANYMPI_LOG_WARNING 30
#define ANYMPI_LOG_ERROR 40

typedef struct anympi_error anympi_error;
typedef struct anympi_host anympi_host;
typedef struct anympi_log anympi_log;
typedef struct anympi_plugin anympi_plugin;
typedef struct anympi_request anympi_request;
typedef struct anympi_offer anympi_offer;
typedef struct anympi_wrapped anympi_wrapped;
typedef struct anympi_backend anympi_backend;
typedef struct anympi_progress anympi_progress;
typedef struct anympi_loop anympi_loop;
typedef struct anympi_main_loop anympi_main_loop;
typedef struct anympi_launch anympi_launch;
typedef struct anympi_launching anympi_launching;
typedef struct anympi_shutdown anympi_shutdown;
typedef struct anympi_python anympi_python;

/* A function whose type is known by its name; cast it to that type before the call. */
typedef void (*anympi_function)(void);

/* Why something failed: one sentence for the user. The host owns the memory, the plugin fills it before it returns. */
struct anympi_error {
    uint32_t size; /* set by the host; write nothing beyond it */
    int32_t code;  /* as returned */
    char message[1016];
};

/* The program that loads plugins. Owned by the host, lives as long as the process. */
struct anympi_host {
    uint32_t size;
    uint32_t abi;   /* the newest version that the host speaks */
    uint64_t magic; /* ANYMPI_PLUGIN_MAGIC */
    /* What the host is, and its version. Owned by the host, live as long as the process. */
    const char *name;
    const char *release;
    /* [any] Something more of the host by name, or NULL. What it returns is the host's and lives as long as the process. */
    const void *(*extension)(const anympi_host *host, const char *id);
};

/* Host extension: lines for the host's log. */
#define ANYMPI_HOST_LOG "anympi.log/1"
struct anympi_log {
    uint32_t size;
    uint32_t reserved;
    /* [any] Writes a line; the text is copied before the function returns. */
    void (*write)(const anympi_host *host, int32_t level, const char *message);
};

/* What the entry returns. Owned by the plugin, lives and stays unchanged as long as the process. */
struct anympi_plugin {
    uint32_t size;
    uint32_t abi;   /* the version that the plugin speaks to this host */
    uint64_t magic; /* ANYMPI_PLUGIN_MAGIC */
    /* Owned by the plugin, live as long as the process. The name is what --mpi accepts: a lower-case letter, then at most
     * 63 of a-z, 0-9, _ and -. */
    const char *name;
    const char *release;
    const char *description;
    /* [any] A part of the plugin by name, or NULL for names that it does not know. What it returns is the plugin's and
     * lives as long as the process. */
    const void *(*extension)(const char *id);
};

/* The one exported function. [probe] and [any], before anything else; each call returns the same pointer.
 *
 * host is the host's and lives as long as the process. *version is the newest version that the host speaks; the plugin
 * lowers it to the one that it will speak. If it speaks none so old, it sets *version to the oldest that it speaks, fills
 * *error with ANYMPI_ERROR_VERSION and returns NULL. On any other failure it fills *error and returns NULL. version and
 * error are the host's and are not used after the return. */
#define ANYMPI_PLUGIN_ENTRY "anympi_plugin_entry"
typedef const anympi_plugin *(*anympi_plugin_entry_function)(const anympi_host *host, uint32_t *version,
                                                             anympi_error *error);
ANYMPI_PLUGIN_EXPORT const anympi_plugin *anympi_plugin_entry(const anympi_host *host, uint32_t *version,
                                                              anympi_error *error);

/* What is asked of the plugin. Owned by the host, valid until the function returns. */
struct anympi_request {
    uint32_t size;
    uint32_t reserved;
    /* The text after the colon in --mpi=NAME:TEXT, "" if there is none. Owned by the host, valid until the function
     * returns. */
    const char *argument;
    /* The MPI that the plugin wraps; NULL in probe and for other sources. Owned by the host, lives as long as the
     * process. */
    const anympi_wrapped *wrapped;
};

/* What the plugin can bring. The host owns the memory and has set size and nothing else; the plugin fills it before it
 * returns. */
struct anympi_offer {
    uint32_t size;
    int32_t source; /* ANYMPI_SOURCE_... */
    int32_t family; /* ANYMPI_FAMILY_..., for ANYMPI_SOURCE_LIBRARY and ANYMPI_SOURCE_PROCESS */
    uint32_t reserved;
    char library[4096]; /* for ANYMPI_SOURCE_LIBRARY: the absolute path of the MPI library */
    char wraps[4096];   /* for ANYMPI_SOURCE_WRAPS: a value of --mpi; "" stands for the argument, or auto without one */
    char note[512];     /* one line for `anympi list`, or "" */
};

/* Another MPI, opened by the host, not brought up. Owned by the host, lives as long as the process. */
struct anympi_wrapped {
    uint32_t size;
    int32_t family;
    /* The value of --mpi that means exactly this library, and its path. Owned by the host, live as long as the process. */
    const char *selection;
    const char *library;
    /* [any] The function of MPI with that name, in the standard ABI whatever the library's own is; NULL if MPI has no such
     * function. Where the library lacks it, the function returns MPI_ERR_UNSUPPORTED_OPERATION. */
    anympi_function (*symbol)(const anympi_wrapped *wrapped, const char *name);
};

/* Plugin extension: an MPI. Owned by the plugin, lives as long as the process. */
#define ANYMPI_PLUGIN_BACKEND "anympi.backend/1"
struct anympi_backend {
    uint32_t size;
    uint32_t reserved;
    /* [probe] Says what the plugin would bring here, without side effects and within seconds. Needed. */
    int32_t (*probe)(const anympi_request *request, anympi_offer *offer, anympi_error *error);
    /* [main] Prepares; MPI may not be called yet. Once, before all that follow. NULL: nothing to prepare. */
    int32_t (*open)(const anympi_request *request, anympi_error *error);
    /* [any] The plugin's own version of an MPI function, in the standard ABI, or NULL where it has none: then the host uses
     * that of the library or of the MPI wrapped. Functions live as long as the process. NULL: no own functions, which
     * ANYMPI_SOURCE_OWN cannot have. */
    anympi_function (*symbol)(const char *name);
    /* [main] Brings MPI up by whatever means. argc and argv are those of main, live as long as the process and may be
     * changed as MPI_Init may change them. wanted is ANYMPI_THREAD_...; *granted is the level that MPI gives. Once. NULL:
     * the host calls MPI_Init_thread. */
    int32_t (*bring_up)(int *argc, char ***argv, int32_t wanted, int32_t *granted, anympi_error *error);
    /* [main] Takes MPI down; called once, and only while MPI is up. NULL: the host calls MPI_Finalize. */
    int32_t (*take_down)(anympi_error *error);
};

/* Plugin extension: a part in the idle time of the engine. Owned by the plugin, lives as long as the process. */
#define ANYMPI_PLUGIN_PROGRESS "anympi.progress/1"
struct anympi_progress {
    uint32_t size;
    uint32_t interval; /* microseconds between two calls while the engine waits for work; at least 100 */
    /* [main] Makes progress and returns soon; MPI is up. */
    void (*poll)(void);
};

/* What a main loop of the plugin's own has to call. Owned by the host, valid until run returns. */
struct anympi_loop {
    uint32_t size;
    uint32_t reserved;
    void *data; /* the host's */
    /* [main] Serves at most one request, waiting for it at most so many milliseconds, or without limit if that is negative.
     * Nonzero: go on; 0: return from run now, and not before. */
    int32_t (*step)(const anympi_loop *loop, int32_t milliseconds);
};

/* Plugin extension: an MPI that must own the main loop. Owned by the plugin, lives as long as the process. */
#define ANYMPI_PLUGIN_MAIN_LOOP "anympi.main_loop/1"
struct anympi_main_loop {
    uint32_t size;
    uint32_t reserved;
    /* [main] Runs the loop, calling loop->step until it returns 0; MPI is up. */
    int32_t (*run)(const anympi_loop *loop, anympi_error *error);
};

/* A launcher that is about to start ranks. Owned by the host, valid until prepare returns. */
struct anympi_launch {
    uint32_t size;
    uint32_t ranks;
    /* The launcher's file, and what it is: openmpi, mpich, intel, other. Owned by the host, valid until prepare returns. */
    const char *launcher;
    const char *kind;
    void *data; /* the host's */
    /* [probe] Adds a word to the launcher's command line, before the program; the text is copied. */
    void (*word)(const anympi_launch *launch, const char *text);
    /* [probe] Sets a variable for the launcher and for every rank; the texts are copied. */
    void (*variable)(const anympi_launch *launch, const char *name, const char *value);
};

/* Plugin extension: words and variables for the launcher. Owned by the plugin, lives as long as the process. */
#define ANYMPI_PLUGIN_LAUNCHING "anympi.launching/1"
struct anympi_launching {
    uint32_t size;
    uint32_t reserved;
    /* [probe] Calls launch->word and launch->variable as often as it wants. */
    int32_t (*prepare)(const anympi_request *request, const anympi_launch *launch, anympi_error *error);
};

/* Plugin extension: something to do at the end. Owned by the plugin, lives as long as the process. */
#define ANYMPI_PLUGIN_SHUTDOWN "anympi.shutdown/1"
struct anympi_shutdown {
    uint32_t size;
    uint32_t reserved;
    /* [main] While MPI is still up; also when the program itself took MPI down, then after that. NULL: nothing. */
    void (*before)(void);
    /* [main] The last call that the plugin gets; MPI is down. NULL: nothing. */
    void (*after)(void);
};

/* Plugin extension: names for the user's Python. Owned by the plugin, lives as long as the process. */
#define ANYMPI_PLUGIN_PYTHON "anympi.python/1"
struct anympi_python {
    uint32_t size;
    uint32_t reserved;
    /* [main] Python statements that the engine runs in the user's namespace once MPI is up, or NULL. If they raise, the
     * engine ends with the text of the exception. Owned by the plugin, lives as long as the process. */
    const char *(*code)(void);
};

#ifdef __cplusplus
}
#endif

#endif
