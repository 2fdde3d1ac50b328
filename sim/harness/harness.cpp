// The output file of harness.sv, written with the C library: see there.
#include <cstdio>

#include "svdpi.h"

static std::FILE* output = nullptr;
static bool complete = true;

extern "C" svBit harness_open(const char* path) {
    output = std::fopen(path, "wb");
    if (output != nullptr) std::setvbuf(output, nullptr, _IOFBF, 1 << 20);
    return output != nullptr;
}

extern "C" void harness_put(const svBitVecVal* beat, int words) {
    complete &= std::fwrite(beat, sizeof *beat, words, output) == static_cast<std::size_t>(words);
}

extern "C" svBit harness_close() {
    const bool closed = std::fclose(output) == 0;
    return complete && closed;
}
