// The forward pass of gpt-oss. docs/gpu.md says how they fit together; the
// structs of arguments are those of kernels.rs, field by field.
//
// Axes: N rows of a step, K inputs, O outputs, KV key-value heads, G query heads for each, D
// head_dim, DP D rounded up to 16, A = N × top_k assignments of a row to an expert.
//
// Same bits for every batch: a result depends on its own row and on the weights. Each product
// is cut into SLICES of K, each summed block by block on the tensor cores, the slices added in
// order; attention is cut at absolute positions and merged in their order; the sink is added
// once. There are no atomics and no choices by the number of rows.
//
// Activations are pairs of bf16 numbers, hi + lo, which together keep 16 bits of the mantissa.
// Where `lo` is null they are plain bf16.

#include "lanes.h"

constexpr int BLOCK = 32;        // values of K taken together: MXFP4's block
constexpr int SLICES = 4;        // of K, one for each warp
constexpr int OUTS = 16;         // outputs of one thread block
constexpr int COLUMNS = 8;       // tiles of eight rows in one thread block
constexpr int TILE = 8 * COLUMNS;  // rows of one thread block
constexpr int PAGE = 16;         // positions in a page of keys and values
constexpr int SPLIT = 128;       // positions that one warp attends to
constexpr int DEEP = 4;          // blocks of weights on their way at once, with few rows
constexpr int STAGE = 2;         // blocks of activations copied at once, with many rows
constexpr int MANY = 8;          // tiles of outputs, and warps, of a thread block with many rows
constexpr int DIMS = 64;         // the widest head
constexpr u32 NONE = 0xffffffffu;

DEVICE float rounded(float value) { return number(bf16_pair(0.0f, value) & 0xffff0000u); }

DEVICE u16 bf16(float value) { return bf16_pair(value, 0.0f) & 0xffff; }

// Writes a number to both planes.
DEVICE void put(float value, u16* hi, u16* lo, u64 at) {
    hi[at] = bf16(value);
    if (lo) lo[at] = bf16(value - rounded(value));
}

DEVICE u32 pair_hi(Two v) { return bf16_pair(v.a, v.b); }
DEVICE u32 pair_lo(Two v) { return bf16_pair(v.a - rounded(v.a), v.b - rounded(v.b)); }

// The sum over a block of 256 threads, in one order; all threads get it.
DEVICE float block_sum(float value) {
    SHARED float sums[8];
    for (int mask = 16; mask; mask /= 2) value += from_lane_xor(value, mask);
    if (thread() % 32 == 0) sums[thread() / 32] = value;
    block_barrier();
    float sum = 0.0f;
    for (int i = 0; i < 8; i++) sum += sums[i];
    block_barrier();
    return sum;
}

// ---- Norms -------------------------------------------------------------------------------

struct Norm {
    float* x;            // [N, H], the residual
    const float* down;   // [A, H]: the experts' results, added by rank; null before the first
    const float* share;  // [A]
    const float* gain;   // [H]
    const u32* pick;     // rows to take, or null for all
    u16* hi;             // [rows, H]
    u16* lo;
    u32 width;
    u32 top_k;
    float eps;
};

// Adds what the experts found to the residual, then normalises by the root of the mean square.
KERNEL(256) norm(const Norm p) {
    u32 row = p.pick ? p.pick[block_x()] : block_x();
    float* x = p.x + (u64)row * p.width;
    float squares = 0.0f;
    for (u32 i = thread(); i < p.width; i += 256) {
        float value = x[i];
        if (p.down) {
            float mixed = 0.0f;
            for (u32 rank = 0; rank < p.top_k; rank++) {
                u64 slot = (u64)row * p.top_k + rank;
                mixed += p.share[slot] * p.down[slot * p.width + i];
            }
            value += mixed;
            x[i] = value;
        }
        squares += value * value;
    }
    float scale = 1.0f / sqrtf(block_sum(squares) / p.width + p.eps);
    for (u32 i = thread(); i < p.width; i += 256)
        put(x[i] * scale * p.gain[i], p.hi, p.lo, (u64)block_x() * p.width + i);
}

// ---- Products ----------------------------------------------------------------------------
//
// A product has two shapes, for few rows and for many, that give the same bits: a number's sum
// is the same slices of the same blocks in the same order. With few rows each warp takes a slice
// of K, so that reading weights is spread out; with many each warp takes outputs of its own,
// slice after slice, and the block's warps share the activations that they read.

struct Sums {
    float of[COLUMNS][4];
};

DEVICE void clear(Sums& sums) {
    UNROLL for (int c = 0; c < COLUMNS; c++) UNROLL for (int i = 0; i < 4; i++)
        sums.of[c][i] = 0.0f;
}

// Two weight rows, g and g + 8 of a tile, at the lane's eight values of a block.
struct Pair {
    Eight row[2];
};

// One block of K. The lane's eight values are k = 8t.. of it, in both operands; which of them
// stand where in the two products makes no difference to the sum they form.
DEVICE void add_block(float (&sum)[4], const Pair& w, Eight x) {
    multiply_add(sum, w.row[0].pair[0], w.row[1].pair[0], w.row[0].pair[1], w.row[1].pair[1],
                 x.pair[0], x.pair[1]);
    multiply_add(sum, w.row[0].pair[2], w.row[1].pair[2], w.row[0].pair[3], w.row[1].pair[3],
                 x.pair[2], x.pair[3]);
}

// The blocks of a slice of K.
struct Range {
    u32 begin, end;
};

DEVICE Range slice_of(u32 blocks, u32 slice) {
    u32 per = (blocks + SLICES - 1) / SLICES, end = (slice + 1) * per;
    return {slice * per < blocks ? slice * per : blocks, end < blocks ? end : blocks};
}

// Weights are a source: `load` brings a block of two rows from memory, `add` multiplies it.
// Rows of activations are where `row` says; TILE of them, of which `tiles` × 8 hold any.
struct Dense {
    const u16* row[2];  // at the lane's values

    typedef Pair Loaded;

    DEVICE_METHOD Loaded load(u32 block) const {
        return {{read_eight(row[0] + (u64)block * BLOCK), read_eight(row[1] + (u64)block * BLOCK)}};
    }

    DEVICE_METHOD void add(float (&sum)[4], const Loaded& w, Eight x, Eight x_lo, bool has_lo) const {
        add_block(sum, w, x);
        if (has_lo) add_block(sum, w, x_lo);
    }
};

// Few rows: this warp's slice, then the slices added in order. The sums of tile c are then those
// of warp c % SLICES.
template <typename Source, typename Place>
DEVICE void product_of_few(Sums& sums, const Source& w, Place place, u64 to_lo, int tiles,
                           u32 blocks) {
    SHARED float slices[SLICES][COLUMNS][4][32];
    int warp = thread() / 32, lane = thread() % 32, g = lane / 4, t = lane % 4;
    const u16* x[COLUMNS];
    UNROLL for (int c = 0; c < COLUMNS; c++) x[c] = place(8 * c + g) + 8 * t;
    clear(sums);
    Range range = slice_of(blocks, warp);
    for (u32 b = range.begin; b < range.end; b += DEEP) {
        typename Source::Loaded loaded[DEEP];
        UNROLL for (int d = 0; d < DEEP; d++) if (b + d < range.end) loaded[d] = w.load(b + d);
        UNROLL for (int d = 0; d < DEEP; d++) if (b + d < range.end)
            UNROLL for (int c = 0; c < COLUMNS; c++) if (c < tiles) {
                const u16* at = x[c] + (b + d) * BLOCK;
                Eight hi = read_eight(at), lo = to_lo ? read_eight(at + to_lo) : hi;
                w.add(sums.of[c], loaded[d], hi, lo, to_lo);
            }
    }
    UNROLL for (int c = 0; c < COLUMNS; c++) UNROLL for (int i = 0; i < 4; i++)
        if (c < tiles) slices[warp][c][i][lane] = sums.of[c][i];
    block_barrier();
    UNROLL for (int c = 0; c < COLUMNS; c++) UNROLL for (int i = 0; i < 4; i++)
        if (c < tiles && c % SLICES == warp) {
            float sum = slices[0][c][i][lane];
            for (int s = 1; s < SLICES; s++) sum += slices[s][c][i][lane];
            sums.of[c][i] = sum;
        }
}

// Many rows: all slices, one after the other. STAGE blocks of everybody's activations are copied
// while those before them are multiplied.
template <typename Source, typename Place>
DEVICE void product_of_many(Sums& sums, const Source& w, Place place, u64 to_lo, int tiles,
                            u32 blocks) {
    SHARED u16 staged[2][2][STAGE][TILE][BLOCK] __attribute__((aligned(16)));
    int g = thread() % 32 / 4, t = thread() % 4;
    // The thread's share of a copy: one piece of eight values of one row of each block.
    u32 mine = thread() / 4, piece = thread() % 4 * 8;
    const u16* from = place(mine) + piece;
    Sums part;
    clear(part);
    clear(sums);
    u32 slice = 0;
    Range range = slice_of(blocks, 0);
    auto copy = [&](u32 b, u32 end, int stage) {
        UNROLL for (int d = 0; d < STAGE; d++) if (b + d < end) {
            const u16* at = from + (u64)(b + d) * BLOCK;
            copy_eight(&staged[stage][0][d][mine][piece], at);
            if (to_lo) copy_eight(&staged[stage][1][d][mine][piece], at + to_lo);
        }
        copies_end();
    };
    typename Source::Loaded next[STAGE];
    auto load = [&](u32 b, u32 end) {
        UNROLL for (int d = 0; d < STAGE; d++) if (b + d < end) next[d] = w.load(b + d);
    };
    copy(range.begin, range.end, 0);
    load(range.begin, range.end);
    int stage = 0;
    for (u32 b = range.begin; b < range.end; stage ^= 1) {
        u32 count = range.end - b < STAGE ? range.end - b : STAGE;
        bool ends = b + count == range.end;
        Range coming = ends ? slice_of(blocks, slice + 1) : Range{b + count, range.end};
        bool more = coming.begin < coming.end && slice + ends < SLICES;
        typename Source::Loaded loaded[STAGE];
        UNROLL for (int d = 0; d < STAGE; d++) loaded[d] = next[d];
        if (more) {
            copy(coming.begin, coming.end, stage ^ 1);
            load(coming.begin, coming.end);
        }
        copies_wait(more);
        block_barrier();
        UNROLL for (int d = 0; d < STAGE; d++) if (d < (int)count)
            UNROLL for (int c = 0; c < COLUMNS; c++) if (c < tiles) {
                Eight hi = shared_eight(&staged[stage][0][d][8 * c + g][8 * t]);
                Eight lo = to_lo ? shared_eight(&staged[stage][1][d][8 * c + g][8 * t]) : hi;
                w.add(part.of[c], loaded[d], hi, lo, to_lo);
            }
        // The next copy goes where these were.
        block_barrier();
        if (ends) {
            UNROLL for (int c = 0; c < COLUMNS; c++) UNROLL for (int i = 0; i < 4; i++)
                sums.of[c][i] = slice == 0 ? part.of[c][i] : sums.of[c][i] + part.of[c][i];
            clear(part);
            slice++;
        }
        if (!more) break;
        b = coming.begin;
        range.end = coming.end;
    }
    // Slices that have no blocks count as zeros with few rows, and do here.
    for (u32 s = slice; s < SLICES; s++)
        UNROLL for (int c = 0; c < COLUMNS; c++) UNROLL for (int i = 0; i < 4; i++)
            sums.of[c][i] += 0.0f;
}

struct Linear {
    const u16* w;       // [O, K] bf16
    const float* bias;  // [O], or null
    const u16* x;       // [N, K]
    const u16* x_lo;
    float* y;  // [N, O]
    u32 rows;
    u32 outs;
    u32 blocks;  // of K
    u32 add;     // to what is there
};

// y = x · wᵀ + b. Grid: outputs / OUTS, or / MANY · OUTS; rows / TILE.
template <bool FEW>
DEVICE void linear_product(const Linear& p) {
    int warp = thread() / 32, g = thread() % 32 / 4, t = thread() % 4;
    u32 out = (FEW ? block_x() : block_x() * MANY + warp) * OUTS + g, row0 = block_y() * TILE;
    u64 k = (u64)p.blocks * BLOCK;
    // Rows and outputs that are not there repeat the last one; nothing is written for them.
    u64 first = out < p.outs ? out : p.outs - 1, second = out + 8 < p.outs ? out + 8 : p.outs - 1;
    Dense w = {{p.w + first * k + 8 * t, p.w + second * k + 8 * t}};
    auto place = [&](u32 i) { return p.x + (row0 + i < p.rows ? row0 + i : p.rows - 1) * k; };
    int tiles = (p.rows - row0 < TILE ? p.rows - row0 + 7 : TILE) / 8;
    u64 to_lo = p.x_lo ? p.x_lo - p.x : 0;
    Sums sums;
    if (FEW)
        product_of_few(sums, w, place, to_lo, tiles, p.blocks);
    else
        product_of_many(sums, w, place, to_lo, tiles, p.blocks);
    UNROLL for (int c = 0; c < COLUMNS; c++) UNROLL for (int i = 0; i < 4; i++) {
        u32 row = row0 + 8 * c + 2 * t + i % 2, o = out + i / 2 * 8;
        if (c >= tiles || (FEW && c % SLICES != warp) || row >= p.rows || o >= p.outs) continue;
        float value = sums.of[c][i] + (p.bias ? p.bias[o] : 0.0f);
        float* y = p.y + (u64)row * p.outs + o;
        *y = p.add ? *y + value : value;
    }
}

KERNEL(128) linear(const Linear p) { linear_product<true>(p); }
KERNEL(256) linear_many(const Linear p) { linear_product<false>(p); }

// ---- Experts -----------------------------------------------------------------------------

struct Route {
    const float* logits;  // [N, E]
    u32* chosen;          // [N, top_k], by rank
    float* share;         // [N, top_k]
    u32 experts;
    u32 top_k;
};

// A row's best experts, ties to the lower one, and the softmax over them. One warp a row.
KERNEL(32) route(const Route p) {
    u32 lane = thread();
    const float* logits = p.logits + (u64)block_x() * p.experts;
    u32 taken = 0;  // bit i: expert lane + 32 i
    float best = 0.0f, total = 0.0f;
    for (u32 rank = 0; rank < p.top_k; rank++) {
        float most = -infinity();
        u32 expert = NONE;
        for (u32 i = 0; lane + 32 * i < p.experts; i++) {
            float logit = logits[lane + 32 * i];
            if (!(taken >> i & 1) && (expert == NONE || logit > most)) {
                most = logit;
                expert = lane + 32 * i;
            }
        }
        for (int mask = 16; mask; mask /= 2) {
            float other = from_lane_xor(most, mask);
            u32 of = from_lane_xor(expert, mask);
            if (of != NONE && (expert == NONE || other > most || (other == most && of < expert))) {
                most = other;
                expert = of;
            }
        }
        if (expert % 32 == lane) taken |= 1u << expert / 32;
        if (rank == 0) best = most;
        total += expf(most - best);
        if (lane == 0) {
            p.chosen[(u64)block_x() * p.top_k + rank] = expert;
            p.share[(u64)block_x() * p.top_k + rank] = expf(most - best);
        }
    }
    if (lane == 0)
        for (u32 rank = 0; rank < p.top_k; rank++)
            p.share[(u64)block_x() * p.top_k + rank] /= total;
}

struct Group {
    const u32* chosen;  // [A]
    u32* lists;         // [E, N]: each expert's assignments, in order
    u32* tiles;         // [T, 3]: expert, first of its assignments, how many
    u32 experts;
    u32 rows;  // N
    u32 top_k;
    u32 tiles_max;  // T
};

// Sorts the assignments by expert and cuts them into tiles. One thread block.
KERNEL(256) group(const Group p) {
    SHARED u32 counts[1024];
    u32 warp = thread() / 32, lane = thread() % 32;
    for (u32 expert = warp; expert < p.experts; expert += 8) {
        u32 found = 0;
        for (u32 i0 = 0; i0 < p.rows * p.top_k; i0 += 32) {
            u32 i = i0 + lane;
            bool mine = i < p.rows * p.top_k && p.chosen[i] == expert;
            u32 lanes = lanes_where(mine);
            if (mine) p.lists[(u64)expert * p.rows + found + ones(lanes & ((1u << lane) - 1))] = i;
            found += ones(lanes);
        }
        if (lane == 0) counts[expert] = found;
    }
    block_barrier();
    if (thread() != 0) return;
    u32* tile = p.tiles;
    for (u32 expert = 0; expert < p.experts; expert++)
        for (u32 first = 0; first < counts[expert]; first += TILE, tile += 3) {
            u32 left = counts[expert] - first;
            tile[0] = expert;
            tile[1] = first;
            tile[2] = left < TILE ? left : TILE;
        }
    for (; tile < p.tiles + 3 * p.tiles_max; tile += 3) tile[0] = NONE;
}

struct Experts {
    const u8* values;   // [E, O, K / 2], two a byte
    const u8* scales;   // [E, O, K / 32]
    const float* bias;  // [E, O]
    const u16* x;       // [N, K] before, [A, K] after the activation
    const u16* x_lo;
    const u32* lists;
    const u32* tiles;
    float* y;  // [A, O], after
    u16* hi;   // [A, O / 2], before
    u16* lo;
    u32 outs;
    u32 blocks;  // of K
    u32 rows;    // N
    u32 top_k;
    float limit;
    float alpha;
};

// 2^(s − 127); 0 stands for a number below the normal ones, 255 for none.
DEVICE float scale_of(u8 s) {
    return number(s == 0 ? 0x00400000u : s == 255 ? 0x7fffffffu : (u32)s << 23);
}

// Two FP4 values, the low nibble first, to bf16. Their bits are those of a bf16 number that is
// 2^126 times smaller.
DEVICE u32 widened(u32 byte) {
    u32 apart = (byte & 0x0f) | (byte & 0xf0) << 12;
    return times_2_126((apart & 0x00080008u) << 12 | (apart & 0x00070007u) << 6);
}

DEVICE Eight widened_eight(u32 word) {
    return {{widened(word & 0xff), widened(word >> 8 & 0xff), widened(word >> 16 & 0xff),
             widened(word >> 24)}};
}

// Packed rows. The block's scale, one for each row, is applied to the product of the block.
struct Fp4 {
    const u8* values[2];  // at the lane's four bytes
    const u8* scales[2];

    struct Loaded {
        u32 word[2];
        u8 scale[2];
    };

    DEVICE_METHOD Loaded load(u32 block) const {
        return {{read_word(values[0] + 16 * (u64)block), read_word(values[1] + 16 * (u64)block)},
                {read_byte(scales[0] + block), read_byte(scales[1] + block)}};
    }

    DEVICE_METHOD void add(float (&sum)[4], const Loaded& w, Eight x, Eight x_lo, bool has_lo) const {
        Pair wide = {{widened_eight(w.word[0]), widened_eight(w.word[1])}};
        float part[4] = {0.0f, 0.0f, 0.0f, 0.0f};
        add_block(part, wide, x);
        if (has_lo) add_block(part, wide, x_lo);
        UNROLL for (int i = 0; i < 4; i++) sum[i] += scale_of(w.scale[i / 2]) * part[i];
    }
};

// A product of each tile's rows with its own expert's packed weights. GATED: outputs 2i and
// 2i + 1 are gate and linear, and what is kept is their activation.
template <bool GATED, bool FEW>
DEVICE void expert_product(const Experts& p) {
    const u32* tile = p.tiles + 3 * block_y();
    if (tile[0] == NONE) return;
    u32 count = tile[2];
    const u32* list = p.lists + (u64)tile[0] * p.rows + tile[1];
    int warp = thread() / 32, g = thread() % 32 / 4, t = thread() % 4;
    u32 out = (FEW ? block_x() : block_x() * MANY + warp) * OUTS + (GATED ? 2 * g : g);
    // A warp behind the last output repeats the last one; nothing is written for it.
    bool there = out < p.outs;
    u64 first = (u64)tile[0] * p.outs + (there ? out : GATED ? 2 * g : g);
    u64 second = first + (GATED ? 1 : 8), k = (u64)p.blocks * BLOCK;
    Fp4 w = {{p.values + first * p.blocks * 16 + 4 * t, p.values + second * p.blocks * 16 + 4 * t},
             {p.scales + first * p.blocks, p.scales + second * p.blocks}};
    auto place = [&](u32 i) {
        u32 slot = list[i < count ? i : count - 1];
        return p.x + (GATED ? slot / p.top_k : slot) * k;
    };
    int tiles = (count + 7) / 8;
    u64 to_lo = p.x_lo ? p.x_lo - p.x : 0;
    Sums sums;
    if (FEW)
        product_of_few(sums, w, place, to_lo, tiles, p.blocks);
    else
        product_of_many(sums, w, place, to_lo, tiles, p.blocks);
    UNROLL for (int c = 0; c < COLUMNS; c++) UNROLL for (int j = 0; j < 2; j++) {
        u32 at = 8 * c + 2 * t + j;
        if (c >= tiles || (FEW && c % SLICES != warp) || at >= count || !there) continue;
        u64 slot = list[at];
        float one = sums.of[c][j] + p.bias[first], other = sums.of[c][j + 2] + p.bias[second];
        if (!GATED) {
            p.y[slot * p.outs + out] = one;
            p.y[slot * p.outs + out + 8] = other;
            continue;
        }
        // Comparing this way round keeps a NaN a NaN.
        float gate = one > p.limit ? p.limit : one;
        float line = other > p.limit ? p.limit : other < -p.limit ? -p.limit : other;
        float active = gate / (1.0f + expf(-p.alpha * gate)) * (line + 1.0f);
        put(active, p.hi, p.lo, slot * (p.outs / 2) + out / 2);
    }
}

KERNEL(128) gate_up(const Experts p) { expert_product<true, true>(p); }
KERNEL(128) down(const Experts p) { expert_product<false, true>(p); }
KERNEL(256) gate_up_many(const Experts p) { expert_product<true, false>(p); }
KERNEL(256) down_many(const Experts p) { expert_product<false, false>(p); }

// ---- Attention ---------------------------------------------------------------------------

struct Place {
    const float* qkv;  // [N, (KV·G + 2 KV) · D]
    const float* cos;  // [N, D / 2]
    const float* sin;
    const u32* place;  // [N]: page · PAGE + position in it
    u16* q_hi;         // [N, KV·G, DP], rotated and scaled
    u16* q_lo;
    float* keys;    // [pages, KV, PAGE, DP], rotated
    float* values;  // [pages, KV, DP, PAGE]
    u32 heads;
    u32 kv_heads;
    u32 dim;
    u32 wide;  // DP
    float scale;
};

// Rotates queries and keys, and puts keys and values into their pages. One thread block a row.
KERNEL(128) place(const Place p) {
    u32 row = block_x(), half = p.dim / 2;
    u64 page = p.place[row] / PAGE, slot = p.place[row] % PAGE;
    const float* from = p.qkv + (u64)row * (p.heads + 2 * p.kv_heads) * p.dim;
    const float *cos = p.cos + (u64)row * half, *sin = p.sin + (u64)row * half;
    for (u32 i = thread(); i < (p.heads + p.kv_heads) * half; i += 128) {
        u32 head = i / half, d = i % half;
        float a = from[head * p.dim + d], b = from[head * p.dim + half + d];
        float first = a * cos[d] - b * sin[d], second = b * cos[d] + a * sin[d];
        if (head < p.heads) {
            u64 at = ((u64)row * p.heads + head) * p.wide + d;
            put(first * p.scale, p.q_hi, p.q_lo, at);
            put(second * p.scale, p.q_hi, p.q_lo, at + half);
        } else {
            u64 at = ((page * p.kv_heads + head - p.heads) * PAGE + slot) * p.wide + d;
            p.keys[at] = first;
            p.keys[at + half] = second;
        }
    }
    from += (p.heads + p.kv_heads) * p.dim;
    for (u32 i = thread(); i < p.kv_heads * p.dim; i += 128) {
        u64 at = (page * p.kv_heads + i / p.dim) * p.wide + i % p.dim;
        p.values[at * PAGE + slot] = from[i];
    }
}

struct Attend {
    const u16* q_hi;
    const u16* q_lo;
    const float* keys;
    const float* values;
    const u32* tiles;      // [T, 4]: table, split, first of its members, how many
    const u32* members;    // rows
    const u32* tables;     // [tables, pages of a table]
    const u32* positions;  // [N]
    const u32* base;       // [N]: where the row's partial results begin
    float* partial;        // [partials, KV·G, DP + 2]: largest score, sum of shares, values
    u32 tile_count;
    u32 table_pages;
    u32 heads;
    u32 kv_heads;
    u32 wide;
    u32 window;  // 0 where attention is full
};

DEVICE u32 start_of(u32 position, u32 window) {
    return window && position + 1 > window ? position + 1 - window : 0;
}

// One warp: a few rows that see the same pages, over one split of positions, one kv head.
KERNEL(128) attend(const Attend p) {
    u32 index = block_x() * 4 + thread() / 32, kv = block_y();
    if (index >= p.tile_count) return;
    const u32* tile = p.tiles + 4 * index;
    const u32* members = p.members + tile[2];
    const u32* table = p.tables + (u64)tile[0] * p.table_pages;
    u32 g = thread() % 32 / 4, t = thread() % 4, groups = p.heads / p.kv_heads;
    // The lane's two rows of the tensor cores' sixteen: query heads of members.
    bool there[2];
    u32 position[2], start[2];
    u64 out[2];
    u32 q[2][DIMS / 16][2], q_lo[2][DIMS / 16][2];
    u32 first = NONE, last = 0;
    for (u32 i = 0; i < tile[3]; i++) {
        u32 at = p.positions[members[i]], begin = start_of(at, p.window);
        first = begin < first ? begin : first;
        last = at > last ? at : last;
    }
    UNROLL for (int r = 0; r < 2; r++) {
        u32 member = (g + 8 * r) / groups;
        there[r] = member < tile[3];
        u32 row = members[there[r] ? member : 0], head = kv * groups + (g + 8 * r) % groups;
        position[r] = p.positions[row];
        start[r] = start_of(position[r], p.window);
        u64 partial = p.base[row] + tile[1] - start[r] / SPLIT;
        out[r] = (partial * p.heads + head) * (p.wide + 2);
        u64 from = ((u64)row * p.heads + head) * p.wide + 2 * t;
        UNROLL for (int s = 0; s < DIMS / 16; s++) UNROLL for (int i = 0; i < 2; i++)
            if (16u * s < p.wide) {
                u64 at = from + 16 * s + 8 * i;
                q[r][s][i] = *reinterpret_cast<const u32*>(p.q_hi + at);
                q_lo[r][s][i] = p.q_lo ? *reinterpret_cast<const u32*>(p.q_lo + at) : 0;
            }
    }
    float most[2] = {-infinity(), -infinity()}, sum[2] = {0.0f, 0.0f};
    float mixed[DIMS / 8][4];
    UNROLL for (int d = 0; d < DIMS / 8; d++) UNROLL for (int i = 0; i < 4; i++)
        mixed[d][i] = 0.0f;
    u32 begin = tile[1] * SPLIT, end = begin + SPLIT;
    begin = first > begin ? first / PAGE * PAGE : begin;
    end = last + 1 < end ? last + 1 : end;
    for (u32 at = begin; at < end; at += PAGE) {
        u64 head = (u64)table[at / PAGE] * p.kv_heads + kv;
        const float* keys = p.keys + head * PAGE * p.wide;
        const float* values = p.values + head * PAGE * p.wide;
        float score[2][4];
        UNROLL for (int n = 0; n < 2; n++) {
            UNROLL for (int i = 0; i < 4; i++) score[n][i] = 0.0f;
            UNROLL for (int s = 0; s < DIMS / 16; s++) if (16u * s < p.wide) {
                const float* key = keys + (8 * n + g) * p.wide + 16 * s + 2 * t;
                Two k = read_two(key), k8 = read_two(key + 8);
                u32 hi = pair_hi(k), hi8 = pair_hi(k8);
                multiply_add(score[n], q[0][s][0], q[1][s][0], q[0][s][1], q[1][s][1], hi, hi8);
                if (!p.q_lo) continue;
                multiply_add(score[n], q_lo[0][s][0], q_lo[1][s][0], q_lo[0][s][1], q_lo[1][s][1],
                             hi, hi8);
                multiply_add(score[n], q[0][s][0], q[1][s][0], q[0][s][1], q[1][s][1], pair_lo(k),
                             pair_lo(k8));
            }
        }
        float large[2] = {most[0], most[1]};
        UNROLL for (int n = 0; n < 2; n++) UNROLL for (int i = 0; i < 4; i++) {
            u32 seen = at + 8 * n + 2 * t + i % 2;
            int r = i / 2;
            if (!there[r] || seen > position[r] || seen < start[r]) score[n][i] = -infinity();
            large[r] = score[n][i] > large[r] ? score[n][i] : large[r];
        }
        UNROLL for (int r = 0; r < 2; r++) {
            UNROLL for (int mask = 1; mask < 4; mask *= 2) {
                float other = from_lane_xor(large[r], mask);
                large[r] = other > large[r] ? other : large[r];
            }
            // A row that has seen nothing yet has nothing to shrink.
            float shrink = most[r] == large[r] ? 1.0f : expf(most[r] - large[r]);
            most[r] = large[r];
            sum[r] *= shrink;
            UNROLL for (int d = 0; d < DIMS / 8; d++) {
                mixed[d][2 * r] *= shrink;
                mixed[d][2 * r + 1] *= shrink;
            }
        }
        UNROLL for (int n = 0; n < 2; n++) UNROLL for (int i = 0; i < 4; i++) {
            float score_i = score[n][i];
            score[n][i] = score_i == -infinity() ? 0.0f : expf(score_i - most[i / 2]);
            sum[i / 2] += score[n][i];
        }
        Two shares[4] = {{score[0][0], score[0][1]},
                         {score[0][2], score[0][3]},
                         {score[1][0], score[1][1]},
                         {score[1][2], score[1][3]}};
        u32 hi[4], lo[4];
        UNROLL for (int i = 0; i < 4; i++) {
            hi[i] = pair_hi(shares[i]);
            lo[i] = pair_lo(shares[i]);
        }
        UNROLL for (int d = 0; d < DIMS / 8; d++) if (8u * d < p.wide) {
            const float* value = values + (8 * d + g) * PAGE + 2 * t;
            Two v = read_two(value), v8 = read_two(value + 8);
            // What lies behind the last position is not ours, and may be anything.
            u32 place = at + 2 * t;
            v.a = place <= last ? v.a : 0.0f;
            v.b = place + 1 <= last ? v.b : 0.0f;
            v8.a = place + 8 <= last ? v8.a : 0.0f;
            v8.b = place + 9 <= last ? v8.b : 0.0f;
            u32 v_hi = pair_hi(v), v_hi8 = pair_hi(v8);
            multiply_add(mixed[d], hi[0], hi[1], hi[2], hi[3], v_hi, v_hi8);
            if (!p.q_lo) continue;
            multiply_add(mixed[d], lo[0], lo[1], lo[2], lo[3], v_hi, v_hi8);
            multiply_add(mixed[d], hi[0], hi[1], hi[2], hi[3], pair_lo(v), pair_lo(v8));
        }
    }
    UNROLL for (int r = 0; r < 2; r++) {
        UNROLL for (int mask = 1; mask < 4; mask *= 2) sum[r] += from_lane_xor(sum[r], mask);
        if (!there[r]) continue;
        float* to = p.partial + out[r];
        if (t == 0) {
            to[0] = most[r];
            to[1] = sum[r];
        }
        UNROLL for (int d = 0; d < DIMS / 8; d++) if (8u * d < p.wide) {
            to[2 + 8 * d + 2 * t] = mixed[d][2 * r];
            to[3 + 8 * d + 2 * t] = mixed[d][2 * r + 1];
        }
    }
}

struct Merge {
    const float* partial;
    const u32* positions;
    const u32* base;
    const float* sinks;  // [KV·G]
    u16* hi;             // [N, K of what follows]
    u16* lo;
    u32 first;  // row
    u32 heads;
    u32 dim;
    u32 wide;
    u32 window;
    u32 width;  // K
};

// Puts a row's splits together, in their order, and lets the sink take its share. One warp a
// query head.
KERNEL(32) merge(const Merge p) {
    u32 row = p.first + block_x(), head = block_y(), position = p.positions[row];
    u32 splits = position / SPLIT - start_of(position, p.window) / SPLIT + 1;
    u64 step = (u64)p.heads * (p.wide + 2);
    const float* partial = p.partial + p.base[row] * step + (u64)head * (p.wide + 2);
    float sink = p.sinks[head], most = sink;
    for (u32 s = 0; s < splits; s++) most = partial[s * step] > most ? partial[s * step] : most;
    float whole = 0.0f;
    for (u32 s = 0; s < splits; s++)
        whole += partial[s * step + 1] * expf(partial[s * step] - most);
    whole += expf(sink - most);
    for (u32 d = thread(); d < p.dim; d += 32) {
        float mixed = 0.0f;
        for (u32 s = 0; s < splits; s++)
            mixed += partial[s * step + 2 + d] * expf(partial[s * step] - most);
        put(mixed / whole, p.hi, p.lo, (u64)row * p.width + head * p.dim + d);
    }
}

// ---- Choosing ----------------------------------------------------------------------------

struct Best {
    const float* logits;  // [rows, V]
    u32* best;            // [rows]
    u32 vocab;
};

// Each row's largest logit, the lowest id of equals; NONE where one is not a number.
KERNEL(256) best(const Best p) {
    SHARED float values[256];
    SHARED u32 ids[256];
    const float* logits = p.logits + (u64)block_x() * p.vocab;
    float most = -infinity();
    u32 id = NONE - 1;
    bool broken = false;
    for (u32 i = thread(); i < p.vocab; i += 256) {
        float logit = logits[i];
        broken |= logit != logit;
        if (logit > most || (logit == most && i < id)) {
            most = logit;
            id = i;
        }
    }
    values[thread()] = broken ? infinity() : most;
    ids[thread()] = broken ? NONE : id;
    block_barrier();
    if (thread() != 0) return;
    for (int i = 0; i < 256; i++) {
        if (ids[i] == NONE || id == NONE) {
            id = NONE;
        } else if (values[i] > most || (values[i] == most && ids[i] < id)) {
            most = values[i];
            id = ids[i];
        }
    }
    p.best[block_x()] = id;
}

#ifndef __CUDACC__
#include "host.h"
#endif
