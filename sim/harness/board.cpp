// The host's end of the serial line of board.sv, bit by bit, and the noise on it.
//
// Probabilities are per million: of each bit (flip), of each byte (lose, garbage: a byte more).
// While nothing moves the simulation sleeps; the engine's time goes on only where it matters.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <deque>
#include <random>

#include "svdpi.h"

namespace {

constexpr int kBits = 10;          // start, eight data bits, stop
constexpr int kQuietCycles = 20000;  // far more than an exchange waits
constexpr int kSleep = 2;          // milliseconds

volatile sig_atomic_t stopped = 0;

struct Noise {
    std::mt19937 random;
    int flip = 0, lose = 0, garbage = 0;
    long flipped = 0, lost = 0, added = 0;

    bool hits(int per_million) {
        return per_million > 0 && static_cast<int>(random() % 1000000) < per_million;
    }
    // The bytes that arrive where `byte` was sent.
    template <typename Take>
    void pass(uint8_t byte, Take take) {
        if (hits(garbage)) ++added, take(static_cast<uint8_t>(random()));
        if (hits(lose)) {
            ++lost;
            return;
        }
        take(byte);
    }
    bool bit(bool level) {
        if (!hits(flip)) return level;
        ++flipped;
        return !level;
    }
};

int terminal = -1, divisor = 1, quiet = 0;
pid_t parent = 0;
Noise to_board, to_host;

// Bytes from the terminal to `rx`.
std::deque<uint8_t> waiting;
int frame = 1, frame_left = 0, frame_timer = 0;
bool level = true;

// `tx` to bytes for the terminal.
int heard = 0, heard_left = 0, heard_timer = 0;

void read_terminal() {
    uint8_t buffer[4096];
    const ssize_t size = read(terminal, buffer, sizeof buffer);
    for (ssize_t n = 0; n < size; ++n)
        to_board.pass(buffer[n], [](uint8_t byte) { waiting.push_back(byte); });
    if (size > 0) quiet = 0;
}

void send_bit() {
    if (frame_timer > 0) {
        --frame_timer;
        return;
    }
    if (frame_left == 0) {
        level = true;
        if (waiting.empty()) return;
        frame = 1 << (kBits - 1) | waiting.front() << 1;
        waiting.pop_front();
        frame_left = kBits;
    }
    quiet = 0;
    level = to_board.bit(frame & 1);
    frame >>= 1;
    --frame_left;
    frame_timer = divisor - 1;
}

void write_terminal(uint8_t byte) {
    while (write(terminal, &byte, 1) != 1 && !stopped) usleep(1000);
}

void hear_bit(bool tx) {
    if (heard_left == 0) {
        if (tx) return;
        heard_left = kBits - 1;
        heard_timer = divisor + divisor / 2;
        heard = 0;
    }
    quiet = 0;
    if (--heard_timer > 0) return;
    heard_timer = divisor;
    --heard_left;
    const bool bit = to_host.bit(tx);
    if (heard_left > 0) {
        heard |= bit << (kBits - 2 - heard_left);
    } else if (bit) {  // a byte without its stop bit is dropped
        to_host.pass(static_cast<uint8_t>(heard), write_terminal);
    }
}

}  // namespace

extern "C" svBit board_open(int file, int cycles, int flip, int lose, int garbage, int seed) {
    terminal = file;
    divisor = cycles;
    parent = getppid();
    to_board.random.seed(2 * seed);
    to_host.random.seed(2 * seed + 1);
    for (Noise* noise : {&to_board, &to_host}) {
        noise->flip = flip;
        noise->lose = lose;
        noise->garbage = garbage;
    }
    signal(SIGTERM, [](int) { stopped = 1; });
    signal(SIGINT, SIG_IGN);  // Ctrl-C reaches the parent, which stops us
    return fcntl(terminal, F_SETFL, O_NONBLOCK) == 0;
}

extern "C" svBit board_step(svBit tx, svBit* rx) {
    if (waiting.empty() && quiet % 64 == 0) read_terminal();
    if (++quiet > kQuietCycles) {
        pollfd ready{terminal, POLLIN, 0};
        if (poll(&ready, 1, kSleep) != 1 || !(ready.revents & POLLIN)) usleep(kSleep * 100);
        read_terminal();
        if (getppid() != parent) return 0;  // nobody is left to stop us
    }
    send_bit();
    hear_bit(tx);
    *rx = level;
    if (!stopped) return 1;
    std::printf("@noise flipped %ld lost %ld added %ld\n", to_board.flipped + to_host.flipped,
                to_board.lost + to_host.lost, to_board.added + to_host.added);
    std::fflush(stdout);
    return 0;
}
