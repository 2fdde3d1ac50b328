// Flips bits of the design's state, as the file of +flips= says: see harness.sv.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "svdpi.h"
#include "vpi_user.h"

namespace {

struct Flip {
    int round;
    long long cycle;  // of the round
    std::string path;
    int word;  // of a memory; -1: a register
    int bit;
};

std::vector<Flip> flips;  // in the order in which they are due
std::size_t done = 0;

[[noreturn]] void fail(const Flip& flip, const char* what) {
    std::printf("@error no %s %s[%d], bit %d\n", what, flip.path.c_str(), flip.word, flip.bit);
    std::fflush(stdout);
    std::exit(1);
}

void carry_out(const Flip& flip) {
    vpiHandle place = vpi_handle_by_name(const_cast<PLI_BYTE8*>(flip.path.c_str()), nullptr);
    if (place == nullptr) fail(flip, "state");
    if (flip.word >= 0) place = vpi_handle_by_index(place, flip.word);
    if (place == nullptr) fail(flip, "word");
    const int bits = vpi_get(vpiSize, place);
    if (flip.bit >= bits) fail(flip, "bit");
    s_vpi_value value;
    value.format = vpiVectorVal;
    vpi_get_value(place, &value);
    const s_vpi_vecval* found = value.value.vector;
    std::vector<s_vpi_vecval> words(found, found + (bits + 31) / 32);
    words[flip.bit / 32].aval ^= 1u << (flip.bit % 32);
    value.value.vector = words.data();
    vpi_put_value(place, &value, nullptr, vpiNoDelay);
}

}  // namespace

extern "C" svBit faults_open(const char* path) {
    std::FILE* file = std::fopen(path, "r");
    if (file == nullptr) return 0;
    Flip flip;
    char name[1024];
    while (std::fscanf(file, "%d %lld %1023s %d %d", &flip.round, &flip.cycle, name, &flip.word,
                       &flip.bit) == 5) {
        flip.path = name;
        flips.push_back(flip);
    }
    std::fclose(file);
    return 1;
}

extern "C" void faults_at(int round, long long cycle) {
    while (done < flips.size() && (flips[done].round < round ||
                                   (flips[done].round == round && flips[done].cycle <= cycle))) {
        carry_out(flips[done++]);
    }
}
