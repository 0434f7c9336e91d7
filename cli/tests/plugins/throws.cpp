// A plugin that wraps another MPI and throws in the function that it was compiled for.
#include "anympi_plugin.h"

#include <cstring>
#include <stdexcept>
#include <string>

namespace {

enum place { ENTRY, EXTENSION, PROBE, SYMBOL, OPEN, BRING_UP, TAKE_DOWN };

void reach(place here) {
    // Something to be destroyed on the way out.
    const std::string words = "thrown on purpose, with a text that is too long to lie within the object";
    if (here == THROWS_IN) throw std::runtime_error(words);
}

int (*init_thread)(int *, char ***, int, int *);
int (*finalize)();

int32_t probe(const anympi_request *, anympi_offer *offer, anympi_error *) {
    reach(PROBE);
    offer->source = ANYMPI_SOURCE_WRAPS;
    return ANYMPI_OK;
}

int32_t open(const anympi_request *request, anympi_error *) {
    reach(OPEN);
    const anympi_wrapped *mpi = request->wrapped;
    init_thread = reinterpret_cast<decltype(init_thread)>(mpi->symbol(mpi, "MPI_Init_thread"));
    finalize = reinterpret_cast<decltype(finalize)>(mpi->symbol(mpi, "MPI_Finalize"));
    return ANYMPI_OK;
}

anympi_function symbol(const char *) {
    reach(SYMBOL);
    return nullptr;
}

int32_t bring_up(int *argc, char ***argv, int32_t wanted, int32_t *granted, anympi_error *) {
    reach(BRING_UP);
    return init_thread(argc, argv, wanted, granted) == 0 ? ANYMPI_OK : ANYMPI_ERROR_MPI;
}

int32_t take_down(anympi_error *) {
    finalize();
    reach(TAKE_DOWN);
    return ANYMPI_OK;
}

const anympi_backend backend = {sizeof backend, 0, probe, open, symbol, bring_up, take_down};

const void *extension(const char *id) {
    reach(EXTENSION);
    return std::strcmp(id, ANYMPI_PLUGIN_BACKEND) == 0 ? &backend : nullptr;
}

const anympi_plugin plugin = {
    sizeof plugin, ANYMPI_PLUGIN_ABI, ANYMPI_PLUGIN_MAGIC, "throws", "1.0.0", "throws on purpose", extension,
};

} // namespace

const anympi_plugin *anympi_plugin_entry(const anympi_host *, uint32_t *version, anympi_error *error) {
    reach(ENTRY);
    if (*version < ANYMPI_PLUGIN_ABI) {
        *version = ANYMPI_PLUGIN_ABI;
        error->code = ANYMPI_ERROR_VERSION;
        std::strcpy(error->message, "this plugin speaks version 1 of the interface");
        return nullptr;
    }
    *version = ANYMPI_PLUGIN_ABI;
    return &plugin;
}
