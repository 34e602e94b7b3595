// The threads of a block as fibers of one host thread. They run in turn up to the next barrier
// or exchange; the turn goes up or down the threads, so that a kernel that misses a barrier
// gives different results in the two orders.

#pragma once

#include <math.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define DEVICE static inline
#define KERNEL(threads) static void
#define SHARED static thread_local
#define UNROLL

namespace fibers {

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
    float a[2][16][16], b[2][8][16];
};

struct Fiber {
    jmp_buf at;
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
    int threads, now;
    u32 x, y;
    jmp_buf scheduler;
    void (*run)(const void*);
    const void* args;
};

static thread_local Block* block;

inline void wait_at(Gate& gate, int size) {
    if (++gate.arrived == size) {
        gate.arrived = 0;
        gate.generation++;
        return;
    }
    Fiber& fiber = block->fibers[block->now];
    fiber.gate = &gate;
    fiber.seen = gate.generation;
    if (!_setjmp(fiber.at)) _longjmp(block->scheduler, 1);
}

inline void body() {
    for (;;) {
        block->run(block->args);
        Fiber& fiber = block->fibers[block->now];
        fiber.ended = true;
        if (!_setjmp(fiber.at)) _longjmp(block->scheduler, 1);
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

// Runs a fiber up to where it waits next.
inline void resume(Fiber& fiber) {
    if (_setjmp(block->scheduler)) return;
    if (fiber.begun) _longjmp(fiber.at, 1);
    fiber.begun = true;
    setcontext(&fiber.start);
}

// Runs one block of a grid; false where its threads wait for each other for ever.
inline bool run_block(int threads, u32 x, u32 y, bool downwards) {
    block->x = x;
    block->y = y;
    block->threads = threads;
    block->gate = {};
    for (int i = 0; i < threads; i++) {
        block->fibers[i].gate = nullptr;
        block->fibers[i].ended = false;
        block->fibers[i].exchanges = 0;
        block->warps[i / LANES].gate = {};
    }
    for (int left = threads; left > 0;) {
        bool moved = false;
        for (int step = 0; step < threads; step++) {
            int i = downwards ? threads - 1 - step : step;
            Fiber& fiber = block->fibers[i];
            if (fiber.ended || (fiber.gate && fiber.gate->generation == fiber.seen)) continue;
            fiber.gate = nullptr;
            block->now = i;
            resume(fiber);
            moved = true;
            left -= block->fibers[i].ended;
        }
        if (!moved) return false;
    }
    return true;
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

// As the tensor cores, but with plain f32 sums in the order of k.
DEVICE void multiply_add(float (&c)[4], u32 a0, u32 a1, u32 a2, u32 a3, u32 b0, u32 b1) {
    using fibers::widen;
    int turn = fibers::turn();
    fibers::Warp& warp = fibers::warp();
    int g = fibers::lane() / 4, t = fibers::lane() % 4;
    float (&a)[16][16] = warp.a[turn];
    float (&b)[8][16] = warp.b[turn];
    const u32 of_a[4] = {a0, a1, a2, a3}, of_b[2] = {b0, b1};
    for (int i = 0; i < 4; i++) {
        float* to = &a[g + i % 2 * 8][2 * t + i / 2 * 8];
        to[0] = widen(of_a[i] & 0xffff);
        to[1] = widen(of_a[i] >> 16);
    }
    for (int i = 0; i < 2; i++) {
        float* to = &b[g][2 * t + i * 8];
        to[0] = widen(of_b[i] & 0xffff);
        to[1] = widen(of_b[i] >> 16);
    }
    fibers::wait_at(warp.gate, fibers::LANES);
    for (int i = 0; i < 4; i++) {
        const float *row = a[g + i / 2 * 8], *column = b[2 * t + i % 2];
        float sum = c[i];
        for (int k = 0; k < 16; k++) sum += row[k] * column[k];
        c[i] = sum;
    }
}
