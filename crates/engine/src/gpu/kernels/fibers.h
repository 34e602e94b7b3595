// The threads of a block as fibers of one host thread. They run in turn up to the next barrier
// or exchange, where the next one takes over; the turn goes up or down the threads, so that a
// kernel that misses a barrier gives different results in the two orders.

#pragma once

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define DEVICE static inline
#define DEVICE_METHOD inline
#define KERNEL(threads) static void
#define SHARED static thread_local
#define UNROLL

namespace fibers {

// The compiler's own: it saves what the frame needs and no more. Each is set and jumped to in
// functions of their own, as it demands.
typedef void* Place[5];

const int THREADS_MAX = 256;
const int LANES = 32;
const size_t STACK_BYTES = 256 << 10;

// Where fibers wait for each other.
struct Gate {
    int arrived, generation;
};

// What the lanes of a warp show each other; two of each, so that a fast lane's next exchange
// does not overwrite what a slow one still reads.
struct Warp {
    Gate gate;
    u32 word[2][LANES];
    struct Product {
        u32 a[LANES][4], b[LANES][2];
        float c[LANES][4];
    } product[2];
};

struct Fiber {
    Place at;
    ucontext_t start;
    const Gate* gate;
    int seen;
    bool begun, ended;
    int exchanges;
};

struct Block {
    Fiber fibers[THREADS_MAX];
    Warp warps[THREADS_MAX / LANES];
    Gate gate;
    int threads, now, left;
    // To the thread whose turn is next.
    int step;
    u32 x, y;
    Place whole;
    void (*run)(const void*);
    const void* args;
};

static thread_local Block* block;

// Goes on with another thread that can; with the whole block where none can, because all have
// ended or because they wait for ever.
__attribute__((noinline, noreturn)) static void pass_on(Block& block) {
    int next = block.now;
    for (int i = 0; i < block.threads; i++) {
        next += block.step;
        if (next == block.threads) next = 0;
        if (next < 0) next = block.threads - 1;
        Fiber& fiber = block.fibers[next];
        if (fiber.ended || (fiber.gate && fiber.gate->generation == fiber.seen)) continue;
        fiber.gate = nullptr;
        block.now = next;
        if (fiber.begun) __builtin_longjmp(fiber.at, 1);
        fiber.begun = true;
        setcontext(&fiber.start);
    }
    __builtin_longjmp(block.whole, 1);
}

// Lets others run until this thread's turn comes again.
__attribute__((noinline)) static void leave(Block& block, Fiber& fiber) {
    if (!__builtin_setjmp(fiber.at)) pass_on(block);
}

// Whoever comes last does `last` for all, and goes on.
template <typename Last>
inline void wait_at(Gate& gate, int size, Last last) {
    if (++gate.arrived == size) {
        last();
        gate.arrived = 0;
        gate.generation++;
        return;
    }
    Block& here = *block;
    Fiber& fiber = here.fibers[here.now];
    fiber.gate = &gate;
    fiber.seen = gate.generation;
    leave(here, fiber);
}

inline void wait_at(Gate& gate, int size) {
    wait_at(gate, size, [] {});
}

inline void body() {
    for (;;) {
        block->run(block->args);
        Fiber& fiber = block->fibers[block->now];
        fiber.ended = true;
        block->left--;
        leave(*block, fiber);
    }
}

inline Block* make() {
    Block* made = new Block();
    for (Fiber& fiber : made->fibers) {
        getcontext(&fiber.start);
        fiber.start.uc_stack.ss_sp = malloc(STACK_BYTES);
        fiber.start.uc_stack.ss_size = STACK_BYTES;
        fiber.start.uc_link = nullptr;
        makecontext(&fiber.start, body, 0);
    }
    return made;
}

__attribute__((noinline)) static void run_all(Block& block) {
    if (!__builtin_setjmp(block.whole)) pass_on(block);
}

// Runs one block of a grid; false where its threads wait for each other for ever.
inline bool run_block(int threads, u32 x, u32 y, bool downwards) {
    block->x = x;
    block->y = y;
    block->threads = block->left = threads;
    block->step = downwards ? -1 : 1;
    block->now = downwards ? 0 : threads - 1;
    block->gate = {};
    for (int i = 0; i < threads; i++) {
        block->fibers[i].gate = nullptr;
        block->fibers[i].ended = false;
        block->fibers[i].exchanges = 0;
        block->warps[i / LANES].gate = {};
    }
    run_all(*block);
    return block->left == 0;
}

inline Warp& warp() { return block->warps[block->now / LANES]; }
inline int lane() { return block->now % LANES; }

// The copy of the warp's places that this exchange uses.
inline int turn() { return block->fibers[block->now].exchanges++ & 1; }

inline float widen(u32 half) {
    u32 bits = half << 16;
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

inline u32 narrow(float value) {
    u32 bits;
    memcpy(&bits, &value, 4);
    if (value != value) return 0x7fff;
    return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

}  // namespace fibers

DEVICE u32 thread() { return fibers::block->now; }
DEVICE u32 block_x() { return fibers::block->x; }
DEVICE u32 block_y() { return fibers::block->y; }
DEVICE void block_barrier() { fibers::wait_at(fibers::block->gate, fibers::block->threads); }

DEVICE u32 from_lane_xor(u32 value, int mask) {
    int turn = fibers::turn();
    fibers::Warp& warp = fibers::warp();
    int lane = fibers::lane();
    warp.word[turn][lane] = value;
    fibers::wait_at(warp.gate, fibers::LANES);
    return warp.word[turn][lane ^ mask];
}

DEVICE float from_lane_xor(float value, int mask) {
    u32 bits;
    memcpy(&bits, &value, 4);
    bits = from_lane_xor(bits, mask);
    memcpy(&value, &bits, 4);
    return value;
}

DEVICE u32 lanes_where(bool holds) {
    int turn = fibers::turn();
    fibers::Warp& warp = fibers::warp();
    warp.word[turn][fibers::lane()] = holds;
    fibers::wait_at(warp.gate, fibers::LANES);
    u32 found = 0;
    for (int i = 0; i < fibers::LANES; i++) found |= warp.word[turn][i] << i;
    return found;
}

DEVICE u32 ones(u32 bits) { return __builtin_popcount(bits); }

DEVICE float number(u32 bits) {
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

DEVICE Eight read_eight(const u16* from) {
    Eight eight;
    memcpy(&eight, __builtin_assume_aligned(from, 16), 16);
    return eight;
}

DEVICE Eight shared_eight(const u16* from) { return read_eight(from); }

// At once: what a missing wait would do does not show here.
DEVICE void copy_eight(u16* to, const u16* from) {
    Eight eight = read_eight(from);
    memcpy(__builtin_assume_aligned(to, 16), &eight, 16);
}

DEVICE void copies_end() {}
DEVICE void copies_wait(bool) {}

DEVICE u32 read_word(const u8* from) {
    u32 word;
    memcpy(&word, __builtin_assume_aligned(from, 4), 4);
    return word;
}

DEVICE u8 read_byte(const u8* from) { return *from; }

DEVICE Two read_two(const float* from) {
    Two two;
    memcpy(&two, __builtin_assume_aligned(from, 8), 8);
    return two;
}

DEVICE u32 bf16_pair(float first, float second) {
    return fibers::narrow(first) | fibers::narrow(second) << 16;
}

DEVICE u32 times_2_126(u32 pair) {
    const float by = 0x1p126f;
    float first = fibers::widen(pair & 0xffff) * by, second = fibers::widen(pair >> 16) * by;
    return fibers::narrow(first) | fibers::narrow(second) << 16;
}

namespace fibers {

// The product of a whole warp, with plain f32 sums in the order of k.
inline void multiply(Warp::Product& p) {
    float a[16][16], b[16][8], c[16][8];
    for (int lane = 0; lane < LANES; lane++) {
        int g = lane / 4, t = lane % 4;
        for (int i = 0; i < 4; i++)
            for (int half = 0; half < 2; half++)
                a[g + i % 2 * 8][2 * t + i / 2 * 8 + half] = widen(p.a[lane][i] >> 16 * half & 0xffff);
        for (int i = 0; i < 2; i++)
            for (int half = 0; half < 2; half++)
                b[2 * t + i * 8 + half][g] = widen(p.b[lane][i] >> 16 * half & 0xffff);
        for (int i = 0; i < 4; i++) c[g + i / 2 * 8][2 * t + i % 2] = p.c[lane][i];
    }
    for (int row = 0; row < 16; row++)
        for (int k = 0; k < 16; k++)
            for (int column = 0; column < 8; column++) c[row][column] += a[row][k] * b[k][column];
    for (int lane = 0; lane < LANES; lane++)
        for (int i = 0; i < 4; i++) p.c[lane][i] = c[lane / 4 + i / 2 * 8][2 * (lane % 4) + i % 2];
}

}  // namespace fibers

DEVICE void multiply_add(float (&c)[4], u32 a0, u32 a1, u32 a2, u32 a3, u32 b0, u32 b1) {
    fibers::Warp& warp = fibers::warp();
    fibers::Warp::Product& p = warp.product[fibers::turn()];
    int lane = fibers::lane();
    const u32 a[4] = {a0, a1, a2, a3}, b[2] = {b0, b1};
    memcpy(p.a[lane], a, sizeof a);
    memcpy(p.b[lane], b, sizeof b);
    memcpy(p.c[lane], c, sizeof c);
    fibers::wait_at(warp.gate, fibers::LANES, [&] { fibers::multiply(p); });
    memcpy(c, p.c[lane], sizeof c);
}
