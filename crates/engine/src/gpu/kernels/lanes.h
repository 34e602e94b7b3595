// What the kernels need beside plain C++: threads of a block, lanes of a warp, and the tensor
// cores' product. On a GPU these are the hardware's; on the host (no __CUDACC__) every thread
// of a block is a fiber, so that the same kernels run, and are tested, without a GPU.

#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

// Eight bf16 values, in pairs: the lower half of a word comes first.
struct alignas(16) Eight {
    u32 pair[4];
};

struct alignas(8) Two {
    float a, b;
};

#ifdef __CUDACC__

#define DEVICE static __device__ __forceinline__
#define DEVICE_METHOD __device__ __forceinline__
#define KERNEL(threads) extern "C" __global__ void __launch_bounds__(threads)
#define SHARED __shared__
#define UNROLL _Pragma("unroll")

DEVICE u32 thread() { return threadIdx.x; }
DEVICE u32 block_x() { return blockIdx.x; }
DEVICE u32 block_y() { return blockIdx.y; }
DEVICE void block_barrier() { __syncthreads(); }

DEVICE float from_lane_xor(float value, int mask) {
    return __shfl_xor_sync(0xffffffffu, value, mask);
}

DEVICE u32 from_lane_xor(u32 value, int mask) {
    return __shfl_xor_sync(0xffffffffu, value, mask);
}

DEVICE u32 lanes_where(bool holds) { return __ballot_sync(0xffffffffu, holds); }
DEVICE u32 ones(u32 bits) { return __popc(bits); }
DEVICE float number(u32 bits) { return __uint_as_float(bits); }

// Weights are read once a step: past the first cache where it can be had.
DEVICE Eight read_eight(const u16* from) {
    uint4 v = __ldg(reinterpret_cast<const uint4*>(from));
    return {{v.x, v.y, v.z, v.w}};
}

DEVICE Eight shared_eight(const u16* from) {
    uint4 v = *reinterpret_cast<const uint4*>(from);
    return {{v.x, v.y, v.z, v.w}};
}

// Copies eight values into the block's memory while the thread goes on.
DEVICE void copy_eight(u16* to, const u16* from) {
    u32 at = static_cast<u32>(__cvta_generic_to_shared(to));
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(at), "l"(from) : "memory");
}

DEVICE void copies_end() { asm volatile("cp.async.commit_group;" ::: "memory"); }

// Waits for this thread's copies, but not for the last group where `but_last`.
DEVICE void copies_wait(bool but_last) {
    if (but_last)
        asm volatile("cp.async.wait_group 1;" ::: "memory");
    else
        asm volatile("cp.async.wait_group 0;" ::: "memory");
}

DEVICE u32 read_word(const u8* from) { return __ldg(reinterpret_cast<const u32*>(from)); }
DEVICE u8 read_byte(const u8* from) { return __ldg(from); }

DEVICE Two read_two(const float* from) {
    float2 v = *reinterpret_cast<const float2*>(from);
    return {v.x, v.y};
}

// Two numbers rounded to bf16, the first in the lower half.
DEVICE u32 bf16_pair(float first, float second) {
    u32 pair;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(second), "f"(first));
    return pair;
}

// Both bf16 values of a pair times 2^126. Subnormal numbers are numbers here.
DEVICE u32 times_2_126(u32 pair) {
    u32 product;
    asm("fma.rn.bf16x2 %0, %1, %2, %3;"
        : "=r"(product)
        : "r"(pair), "r"(0x7e807e80u), "r"(0x80008000u));
    return product;
}

// c[16, 8] += a[16, 16] · b[16, 8], bf16 in, f32 sums. With g = lane / 4 and t = lane % 4 a
// lane holds of a the rows g and g + 8 at columns 2t.. and 2t + 8.., of b column g at rows
// 2t.. and 2t + 8.., of c the rows g and g + 8 at columns 2t and 2t + 1.
DEVICE void multiply_add(float (&c)[4], u32 a0, u32 a1, u32 a2, u32 a3, u32 b0, u32 b1) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
        "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
}

#else

#include "fibers.h"

#endif

DEVICE float infinity() { return number(0x7f800000u); }
