/* What the measuring program and the calls that it measures know of each other.
 *
 * calls.c is compiled once with the header of the library and once with that of the standard ABI, each time into a
 * shared object of its own: a side. measure.c, which knows no MPI, loads both into one process, where they call the
 * same library: one directly, the other through libmpi_abi.so.1. So nothing but the way of the call differs. */
#ifndef SIDE_H
#define SIDE_H

/* One measured thing. */
struct measured {
    const char *name;
    int ranks;                     /* 1: every rank by itself; 2: both take part */
    long bytes;                    /* of a message, for bandwidths; else 0 */
    int calls;                     /* messages or calls in one turn, over which the time is divided */
    void (*turns)(long repetitions);
};

/* What calls.c exports as `side`. */
struct side {
    void (*initialize)(int *rank, int *size);      /* MPI_Init; of one side only */
    void (*prepare)(void);                         /* what the calls work on; both sides, after MPI_Init */
    void (*barrier)(void);
    long (*agree)(long value_of_first_rank);
    void (*finish)(void);                          /* frees what prepare made */
    void (*finalize)(void);                        /* MPI_Finalize; of one side only */
    int (*version)(void);                          /* MPI_Get_version, which is legal before MPI_Init */
    int count;
    const struct measured *measured;
};

#endif
