/* What a program may do before MPI_Init, with sessions instead of it, and after MPI_Finalize (MPI-5.0, chapter 11). */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEED(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "life.c:%d: %s\n", __LINE__, #condition);                                                  \
            exit(2);                                                                                                   \
        }                                                                                                              \
    } while (0)

#define OK(call) NEED((call) == MPI_SUCCESS)

static int handled;

static void on_error(MPI_Session *session, int *code, ...)
{
    NEED(*session != MPI_SESSION_NULL);
    handled = *code;
}

/* Allowed at any time. */
static MPI_Info at_any_time(void)
{
    char text[MPI_MAX_ERROR_STRING], key[MPI_MAX_INFO_KEY];
    int major, minor, class, length, flag, number;
    MPI_Info info, copy;
    OK(MPI_Get_version(&major, &minor));
    NEED(major == MPI_VERSION && minor == MPI_SUBVERSION);
    OK(MPI_Error_class(MPI_ERR_TRUNCATE, &class));
    NEED(class == MPI_ERR_TRUNCATE);
    OK(MPI_Error_string(MPI_ERR_TRUNCATE, text, &length));
    NEED(length > 0 && strlen(text) == (size_t)length);
    OK(MPI_Info_create(&info));
    OK(MPI_Info_set(info, "thread_level", "MPI_THREAD_MULTIPLE"));
    OK(MPI_Info_set(info, "other", "first"));
    OK(MPI_Info_set(info, "other", "second"));
    OK(MPI_Info_get_nkeys(info, &number));
    NEED(number == 2);
    length = 4;
    OK(MPI_Info_get_string(info, "other", &length, text, &flag));
    NEED(flag && length == 7 && strcmp(text, "sec") == 0);
    OK(MPI_Info_dup(info, &copy));
    OK(MPI_Info_delete(copy, "thread_level"));
    OK(MPI_Info_get_nkeys(copy, &number));
    NEED(number == 1);
    OK(MPI_Info_get_nthkey(copy, 0, key));
    NEED(strcmp(key, "other") == 0);
    length = 0;
    OK(MPI_Info_get_string(copy, "thread_level", &length, text, &flag));
    NEED(!flag);
    OK(MPI_Info_free(&copy));
    NEED(copy == MPI_INFO_NULL);
    NEED(MPI_Comm_fromint(MPI_Comm_toint(MPI_COMM_WORLD)) == MPI_COMM_WORLD);
    return info;
}

/* The world's processes talk without the world. */
static int size_by(MPI_Session session, const char *name)
{
    MPI_Group group;
    MPI_Comm comm;
    int one = 1, sum = 0;
    OK(MPI_Group_from_session_pset(session, "mpi://WORLD", &group));
    OK(MPI_Comm_create_from_group(group, name, MPI_INFO_NULL, MPI_ERRORS_RETURN, &comm));
    OK(MPI_Allreduce(&one, &sum, 1, MPI_INT, MPI_SUM, comm));
    OK(MPI_Comm_free(&comm));
    OK(MPI_Group_free(&group));
    return sum;
}

int main(int argc, char **argv)
{
    int expected = argc > 2 ? atoi(argv[2]) : 0, flag;
    /* MPICH 4.0 makes no handler before it is up; Intel MPI 2021.18 forgets the one given, and is initialised itself. */
    int strict = argc > 3 && strcmp(argv[3], "strict") == 0;
    int only_sessions = argc > 1 && strcmp(argv[1], "sessions") == 0;
    MPI_Session session;
    MPI_Errhandler handler;
    MPI_Info info = at_any_time();
    OK(MPI_Initialized(&flag));
    NEED(!flag);
    if (strict) {
        OK(MPI_Session_create_errhandler(on_error, &handler));
        OK(MPI_Session_init(info, handler, &session));
    } else {
        OK(MPI_Session_init(info, MPI_ERRORS_RETURN, &session));
        OK(MPI_Session_create_errhandler(on_error, &handler));
        OK(MPI_Session_set_errhandler(session, handler));
    }
    OK(MPI_Session_call_errhandler(session, MPI_ERR_OTHER));
    NEED(handled == MPI_ERR_OTHER);
    OK(MPI_Errhandler_free(&handler));
    NEED(size_by(session, "first") == expected);
    OK(MPI_Initialized(&flag));
    NEED(!flag || !strict);
    if (!only_sessions) {
        MPI_Comm copy;
        int provided = -1, size = 0;
        OK(MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided));
        NEED(provided >= MPI_THREAD_FUNNELED);
        OK(MPI_Initialized(&flag));
        NEED(flag);
        /* An object of the time before is one like any other. */
        OK(MPI_Comm_dup_with_info(MPI_COMM_WORLD, info, &copy));
        OK(MPI_Comm_size(copy, &size));
        NEED(size == expected);
        OK(MPI_Comm_free(&copy));
        OK(MPI_Finalized(&flag));
        NEED(!flag);
        OK(MPI_Finalize());
        OK(MPI_Finalized(&flag));
        NEED(flag);
        /* A session does not end with the world. */
        NEED(size_by(session, "second") == expected);
    }
    OK(MPI_Session_finalize(&session));
    NEED(session == MPI_SESSION_NULL);
    OK(MPI_Info_free(&info));
    info = at_any_time();
    OK(MPI_Info_free(&info));
    printf("lived with %d\n", expected);
    return 0;
}
