// The plugins `trilinos` and `pytrilinos`: MPI comes up through Teuchos::GlobalMPISession and goes down with it.
//
// The MPI is the one that Trilinos was built with, so this library is linked to it and the host takes its functions from
// there. Compiled with ANYMPI_PYTRILINOS the plugin is called `pytrilinos` and gives every engine PyTrilinos besides.
//
// GlobalMPISession calls MPI_Init and ends the process when somebody initialised MPI before it, so the thread level cannot be
// asked for by MPI_Init_thread. Open MPI's MPI_Init takes it from a variable, which is set for that one call; other
// libraries grant what their MPI_Init grants. What is reported is what MPI_Query_thread says afterwards.

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>

#include <mpi.h>

#include <Kokkos_Core.hpp>
#include <Teuchos_GlobalMPISession.hpp>
#if __has_include(<Tpetra_Core.hpp>)
#include <Tpetra_Core.hpp>
#define WITH_TPETRA
#endif
#include <Trilinos_version.h>

#include "anympi_plugin.h"

namespace {

const anympi_host *the_host = nullptr;

// Lives until take_down: its destructor is what finalizes.
Teuchos::GlobalMPISession *session = nullptr;

int32_t fail(anympi_error *error, int32_t code, const std::string &sentence) {
    error->code = code;
    std::snprintf(error->message, sizeof error->message, "%s", sentence.c_str());
    return code;
}

// Runs `body`; an exception becomes an error, for none may leave a plugin.
template <typename Body>
int32_t guarded(anympi_error *error, const char *what, Body body) noexcept {
    try {
        return body();
    } catch (const std::exception &exception) {
        return fail(error, ANYMPI_ERROR_FAILED, std::string(what) + " failed: " + exception.what());
    } catch (...) {
        return fail(error, ANYMPI_ERROR_FAILED, std::string(what) + " threw something that is no std::exception");
    }
}

void log_line(int32_t level, const std::string &line) {
    const auto *log = static_cast<const anympi_log *>(the_host->extension(the_host, ANYMPI_HOST_LOG));
    if (log != nullptr) {
        log->write(the_host, level, line.c_str());
    }
}

// A variable that is set while this object lives, unless the user has set it.
class Variable {
public:
    Variable(const char *name, const std::string &value) : name_(name), ours_(std::getenv(name) == nullptr) {
        if (ours_) {
            setenv(name_, value.c_str(), 1);
        }
    }
    ~Variable() {
        if (ours_) {
            unsetenv(name_);
        }
    }
    Variable(const Variable &) = delete;
    Variable &operator=(const Variable &) = delete;

private:
    const char *name_;
    bool ours_;
};

struct Level {
    int mpi;
    int32_t anympi;
};

// From the lowest to the highest, as MPI orders them.
const Level levels[] = {
    {MPI_THREAD_SINGLE, ANYMPI_THREAD_SINGLE},
    {MPI_THREAD_FUNNELED, ANYMPI_THREAD_FUNNELED},
    {MPI_THREAD_SERIALIZED, ANYMPI_THREAD_SERIALIZED},
    {MPI_THREAD_MULTIPLE, ANYMPI_THREAD_MULTIPLE},
};

int32_t probe(const anympi_request *request, anympi_offer *offer, anympi_error *error) {
    if (*request->argument != '\0') {
        return fail(error, ANYMPI_ERROR_ARGUMENT, "Trilinos has one MPI, the one that it was built with; nothing can follow its name");
    }
    offer->source = ANYMPI_SOURCE_PROCESS;
    offer->family = ANYMPI_FAMILY_UNKNOWN;
    std::snprintf(offer->note, sizeof offer->note, "Trilinos %s", TRILINOS_VERSION_STRING);
    return ANYMPI_OK;
}

int32_t bring_up(int *argc, char ***argv, int32_t wanted, int32_t *granted, anympi_error *error) {
    return guarded(error, "Teuchos::GlobalMPISession", [&]() -> int32_t {
        int initialized = 0;
        MPI_Initialized(&initialized);
        if (initialized != 0) {
            return fail(error, ANYMPI_ERROR_MPI, "MPI is initialised already, and Teuchos::GlobalMPISession must be the first to do it");
        }
        int level = 0;
        while (level < 3 && levels[level].anympi < wanted) {
            ++level;
        }
        {
            const Variable open_mpi("OMPI_MPI_THREAD_LEVEL", std::to_string(level));
            session = new Teuchos::GlobalMPISession(argc, argv, nullptr);
        }
        int provided = MPI_THREAD_SINGLE;
        MPI_Query_thread(&provided);
        for (const Level &known : levels) {
            if (known.mpi <= provided) {
                *granted = known.anympi;
            }
        }
        log_line(ANYMPI_LOG_DEBUG, "Teuchos::GlobalMPISession is rank " + std::to_string(Teuchos::GlobalMPISession::getRank()) + " of " +
                                       std::to_string(Teuchos::GlobalMPISession::getNProc()));
        return ANYMPI_OK;
    });
}

// Whoever stands on MPI goes first: Tpetra, then Kokkos; then MPI.
void take_down_above_mpi() {
#ifdef WITH_TPETRA
    if (Tpetra::isInitialized()) {
        Tpetra::finalize();
        log_line(ANYMPI_LOG_DEBUG, "Tpetra was left initialised; finalized");
    }
#endif
    if (Kokkos::is_initialized()) {
        Kokkos::finalize();
        log_line(ANYMPI_LOG_DEBUG, "Kokkos was left initialised; finalized");
    }
}

int32_t take_down(anympi_error *error) {
    return guarded(error, "finalizing Trilinos", [&]() -> int32_t {
        take_down_above_mpi();
        delete session;
        session = nullptr;
        if (!Teuchos::GlobalMPISession::mpiIsFinalized()) {
            return fail(error, ANYMPI_ERROR_MPI, "MPI_Finalize failed");
        }
        return ANYMPI_OK;
    });
}

// Also when user code called MPI_Finalize: Kokkos has threads that must not outlive the program. The session is then left
// alone for ever, because its destructor would finalize MPI again.
void before_the_end() {
    try {
        take_down_above_mpi();
    } catch (const std::exception &exception) {
        log_line(ANYMPI_LOG_ERROR, std::string("finalizing Kokkos failed: ") + exception.what());
    } catch (...) {
        log_line(ANYMPI_LOG_ERROR, "finalizing Kokkos failed");
    }
}

const anympi_backend backend = {sizeof(anympi_backend), 0, probe, nullptr, nullptr, bring_up, take_down};
const anympi_shutdown shutdown_steps = {sizeof(anympi_shutdown), 0, before_the_end, nullptr};

#ifdef ANYMPI_PYTRILINOS

// What every engine runs once MPI is up. Epetra is imported with it because only that loads compiled code: a PyTrilinos that was
// built for another Python is found out at once.
const char import_pytrilinos[] = R"py(def import_pytrilinos():
    import sys
    try:
        import PyTrilinos.Epetra
    except ImportError as error:
        raise ImportError(
            f"--mpi=pytrilinos: PyTrilinos cannot be imported by {sys.executable}: {error}; build it for this Python with "
            "plugins/trilinos/build-pytrilinos.sh and put it on PYTHONPATH, or use --mpi=trilinos"
        ) from None
    return PyTrilinos

PyTrilinos = import_pytrilinos()
del import_pytrilinos
)py";

const char *python_code() {
    return import_pytrilinos;
}

const anympi_python python = {sizeof(anympi_python), 0, python_code};
const char name[] = "pytrilinos";
const char description[] = "MPI through Teuchos::GlobalMPISession, and PyTrilinos in every engine";

#else

const char name[] = "trilinos";
const char description[] = "MPI through Teuchos::GlobalMPISession";

#endif

const void *extension(const char *id) {
    if (std::strcmp(id, ANYMPI_PLUGIN_BACKEND) == 0) {
        return &backend;
    }
    if (std::strcmp(id, ANYMPI_PLUGIN_SHUTDOWN) == 0) {
        return &shutdown_steps;
    }
#ifdef ANYMPI_PYTRILINOS
    if (std::strcmp(id, ANYMPI_PLUGIN_PYTHON) == 0) {
        return &python;
    }
#endif
    return nullptr;
}

const anympi_plugin plugin = {
    sizeof(anympi_plugin), ANYMPI_PLUGIN_ABI, ANYMPI_PLUGIN_MAGIC, name, TRILINOS_VERSION_STRING, description, extension,
};

} // namespace

const anympi_plugin *anympi_plugin_entry(const anympi_host *host, uint32_t *version, anympi_error *error) {
    if (*version < ANYMPI_PLUGIN_ABI) {
        *version = ANYMPI_PLUGIN_ABI;
        fail(error, ANYMPI_ERROR_VERSION, "this plugin speaks version 1 of the interface");
        return nullptr;
    }
    *version = ANYMPI_PLUGIN_ABI;
    the_host = host;
    return &plugin;
}
