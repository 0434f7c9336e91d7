/* Measures the calls of calls.c, natively and through libmpi_abi.so.1, turn by turn in one process. See side.h.
 *
 *     measure calls OURS NATIVE ROUNDS     each thing measured, as one line of JSON of the first rank
 *     measure count OURS NATIVE TURNS      the calls of one rank, dumping what callgrind counts: run it under callgrind
 *     measure load OURS                    nanoseconds of the first MPI call, which chooses and loads the library
 *     measure dlopen LIBRARY               nanoseconds that the dynamic linker takes for the library alone
 *
 * Two ranks get a core each. Where the scheduler may put both on one, it does so in some rounds and not in others; a
 * message then costs what both ranks do for it instead of the slower one's part, and the least of all rounds would tell
 * which side was lucky.
 *
 * A batch is so short that the scheduler leaves most of them alone; the least of many is the time of the call. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "side.h"
#ifdef COUNTING
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_START_INSTRUMENTATION
#define CALLGRIND_ZERO_STATS
#define CALLGRIND_DUMP_STATS_AT(name)
#endif

enum { BATCH = 20000 /* ns */, SIDES = 2, PASSES = 5 };

/* Allocations of this thread, wherever they are made: this definition comes before that of the C library. */
static __thread unsigned long allocations;
extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
void *malloc(size_t size) { allocations++; return __libc_malloc(size); }
void *calloc(size_t count, size_t size) { allocations++; return __libc_calloc(count, size); }
void *realloc(void *old, size_t size) { allocations++; return __libc_realloc(old, size); }
void *memalign(size_t alignment, size_t size) { allocations++; return __libc_memalign(alignment, size); }
void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }
int posix_memalign(void **result, size_t alignment, size_t size)
{
    *result = memalign(alignment, size);
    return *result == NULL ? 12 /* ENOMEM */ : 0;
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void *load(const char *path)
{
    void *loaded = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (loaded == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    return loaded;
}

static const struct side *side_of(const char *path)
{
    const struct side *side = dlsym(load(path), "side");
    if (side == NULL) {
        fprintf(stderr, "%s is no side: %s\n", path, dlerror());
        exit(1);
    }
    return side;
}

/* Gives each rank a core of its own, where the launcher has left it several. */
static void keep_apart(int rank)
{
    cpu_set_t allowed, own;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0 || CPU_COUNT(&allowed) < 2)
        return;
    int left = rank % CPU_COUNT(&allowed), core = 0;
    while (!CPU_ISSET(core, &allowed) || left-- > 0)
        core++;
    CPU_ZERO(&own);
    CPU_SET(core, &own);
    if (sched_setaffinity(0, sizeof own, &own) != 0)
        perror("a core of its own for each rank");
}

static int ascending(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* How often a thing is repeated so that it lasts about as long as a batch should. */
static long repetitions(const struct side *side, const struct measured *thing)
{
    long count = 1;
    for (;;) {
        double start = now();
        thing->turns(count);
        double passed = now() - start;
        long enough = passed >= BATCH / 2.0 || count >= 1 << 16;
        if (thing->ranks > 1)
            enough = side->agree(enough);
        if (enough)
            return count;
        count *= 2;
    }
}

/* What is known of one thing: the times of both sides, round by round, and how often each has allocated. */
struct record {
    long repetitions;
    double *times[SIDES];
    unsigned long allocations[SIDES];
};

static void measure(const struct side *sides[SIDES], int index, struct record *record, int first_round, int rounds)
{
    const struct measured *thing = &sides[0]->measured[index];
    for (int warm = 0; warm < SIDES; warm++)
        sides[warm]->measured[index].turns(4);
    if (record->repetitions == 0)
        record->repetitions = repetitions(sides[0], thing);
    for (int round = first_round; round < first_round + rounds; round++) {
        for (int turn = 0; turn < SIDES; turn++) {
            int which = (turn + round) % SIDES;
            if (thing->ranks > 1)
                sides[0]->barrier();
            unsigned long before = allocations;
            double start = now();
            sides[which]->measured[index].turns(record->repetitions);
            record->times[which][round] = (now() - start) / ((double)record->repetitions * thing->calls);
            record->allocations[which] += allocations - before;
        }
    }
}

static void print(const struct measured *thing, const struct record *record, int rounds)
{
    printf("{\"name\":\"%s\",\"ranks\":%d,\"bytes\":%ld,\"turns\":%ld", thing->name, thing->ranks, thing->bytes,
           record->repetitions * rounds);
    for (int which = 0; which < SIDES; which++) {
        double *sorted = record->times[which];
        qsort(sorted, (size_t)rounds, sizeof *sorted, ascending);
        printf(",\"%s\":{\"least\":%.3f,\"median\":%.3f,\"allocations\":%lu}", which == 0 ? "native" : "ours",
               sorted[0], sorted[rounds / 2], record->allocations[which]);
    }
    printf("}\n");
}

/* Loads both sides and brings MPI up. */
static void start(const struct side *sides[SIDES], const char *ours, const char *native, int *rank, int *size)
{
    /* Ours first: it chooses the library, which the other one then finds loaded. */
    sides[1] = side_of(ours);
    sides[1]->initialize(rank, size);
    if (*size > 1)
        keep_apart(*rank);
    sides[0] = side_of(native);
    for (int which = 0; which < SIDES; which++)
        sides[which]->prepare();
}

static void stop(const struct side *sides[SIDES])
{
    for (int which = 0; which < SIDES; which++)
        sides[which]->finish();
    sides[1]->finalize();
}

static int calls(const char *ours, const char *native, int rounds)
{
    const struct side *sides[SIDES] = { NULL, NULL };
    int rank = 0, size = 0;
    start(sides, ours, native, &rank, &size);
    int count = sides[0]->count;
    struct record *records = calloc((size_t)count, sizeof *records);
    for (int which = 0; which < SIDES; which++) {
        for (int index = 0; records != NULL && index < count; index++) {
            records[index].times[which] = calloc((size_t)rounds, sizeof(double));
            if (records[index].times[which] == NULL)
                return 1;
        }
    }
    if (records == NULL)
        return 1;
    /* Several passes over everything, so that a busy second of the machine does not fall on one thing alone. */
    for (int pass = 0; pass < PASSES; pass++) {
        if (rank == 0)
            printf("pass %d of %d\n", pass + 1, PASSES);
        fflush(stdout);
        for (int index = 0; index < count; index++)
            if (sides[0]->measured[index].ranks == size)
                measure(sides, index, &records[index], pass * rounds / PASSES,
                        (pass + 1) * rounds / PASSES - pass * rounds / PASSES);
    }
    for (int index = 0; index < count; index++) {
        if (rank == 0 && sides[0]->measured[index].ranks == size)
            print(&sides[0]->measured[index], &records[index], rounds);
        for (int which = 0; which < SIDES; which++)
            free(records[index].times[which]);
    }
    free(records);
    stop(sides);
    return 0;
}

/* Under callgrind: a dump for each thing and side, whose name says what it is of. */
static int count_instructions(const char *ours, const char *native, int turns)
{
    const struct side *sides[SIDES] = { NULL, NULL };
    int rank = 0, size = 0;
    start(sides, ours, native, &rank, &size);
    CALLGRIND_START_INSTRUMENTATION;
    for (int index = 0; index < sides[0]->count; index++) {
        for (int which = 0; which < SIDES; which++) {
            const struct measured *thing = &sides[which]->measured[index];
            if (thing->ranks != 1)
                continue;
            char name[128];
            snprintf(name, sizeof name, "%s: %s", which == 0 ? "native" : "ours", thing->name);
            thing->turns(turns);
            CALLGRIND_ZERO_STATS;
            thing->turns(turns);
            CALLGRIND_DUMP_STATS_AT(name);
        }
    }
    stop(sides);
    return 0;
}

int main(int count, char **arguments)
{
    if (count == 5 && strcmp(arguments[1], "calls") == 0 && atoi(arguments[4]) > 0)
        return calls(arguments[2], arguments[3], atoi(arguments[4]));
    if (count == 5 && strcmp(arguments[1], "count") == 0 && atoi(arguments[4]) > 0)
        return count_instructions(arguments[2], arguments[3], atoi(arguments[4]));
    if (count == 3 && strcmp(arguments[1], "load") == 0) {
        const struct side *side = side_of(arguments[2]);
        double start = now();
        side->version();
        printf("{\"nanoseconds\":%.0f}\n", now() - start);
        return 0;
    }
    if (count == 3 && strcmp(arguments[1], "dlopen") == 0) {
        double start = now();
        load(arguments[2]);
        printf("{\"nanoseconds\":%.0f}\n", now() - start);
        return 0;
    }
    fprintf(stderr, "usage: measure calls OURS NATIVE ROUNDS | measure count OURS NATIVE TURNS | measure load OURS | measure dlopen LIBRARY\n");
    return 2;
}
