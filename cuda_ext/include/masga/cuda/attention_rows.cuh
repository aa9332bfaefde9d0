// What a warp keeps of its sixteen query rows, and how it takes in a tile of scores.
//
// Scores of a tile lie as mma.m16n8k16 and wgmma.m64n64k16 leave them: lane l has rows l / 4 and l / 4 + 8
// of its warp and, of every eight keys, 2 (l % 4) and the next. The online sums are those of
// cpu/attention_statistics.h; every lane keeps its own, for its columns, about a largest score that the
// four lanes of a row share.
#pragma once

#include <cstdint>

#include "masga/attention_statistics.h"
#include "masga/cuda/machine.cuh"

namespace masga::cuda {

constexpr int kAttentionKeys = 64;  // keys of a tile
constexpr int kKeyTiles = kAttentionKeys / 8;

struct AttentionOutput {
  float* out[kAttentionStatistics];
};

// Where block `block` of a grid works: one head, and `count` query rows from `first` on.
struct AttentionPlace {
  int64_t head_index, batch, head, first;

  // The last rows of a causal head are the longest: they start first.
  __host__ __device__ __forceinline__ AttentionPlace(const AttentionShape& s, int count, int64_t block) {
    const int64_t heads = s.batch * s.heads, blocks = (s.rows + count - 1) / count;
    head_index = block % heads;
    first = (blocks - 1 - block / heads) * count;
    batch = head_index / s.heads;
    head = head_index % s.heads;
  }
};

// The score of a masked key: finite, so that e d is zero and not NaN; no row of real scores is as low.
constexpr float kMasked = -1e38f;

// The position of query row i of the grid; -1 if there is none.
__device__ __forceinline__ int row_at(const AttentionShape& s, int64_t i) {
  if (i >= s.rows) return -1;
  const int64_t row = s.row_index == nullptr ? i : s.row_index[i];
  return row >= 0 && row < s.tokens ? static_cast<int>(row) : -1;
}

// Sums of one row over the keys that one lane sees, in units of log 2.
struct OnlineRow {
  float largest = -INFINITY, l = 0.0f, u = 0.0f, w = 0.0f;
  float sink = -INFINITY, previous = -INFINITY;

  // The largest score so far becomes `now`, which is no smaller.
  __host__ __device__ __forceinline__ void raise(float now) {
    const float fall = largest == -INFINITY ? 0.0f : largest - now;
    const float factor = power_of_two(fall);
    u = factor * fmaf(fall, l, u);
    l *= factor;
    w *= factor * factor;
    largest = now;
  }
  // d: the score, less the largest so far.
  __host__ __device__ __forceinline__ void add(float d) {
    const float e = power_of_two(d);
    l += e;
    u = fmaf(e, d, u);
    w = fmaf(e, e, w);
  }
};

// The two rows of a lane.
struct LaneRows {
  int row[2];  // -1: no such row
  int end[2];  // keys from here on are masked
  OnlineRow state[2];

  __device__ __forceinline__ LaneRows(const AttentionShape& s, int64_t first_of_warp, int lane) {
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      row[h] = row_at(s, first_of_warp + lane / 4 + 8 * h);
      end[h] = s.causal ? row[h] + 1 : static_cast<int>(s.tokens);
    }
  }

  // Score i of row h, less the largest.
  __device__ __forceinline__ float distance(
      const float (&scores)[kKeyTiles][4], int h, int i, float factor) const {
    const float base = state[h].largest == -INFINITY ? 0.0f : state[h].largest;
    return fmaf(scores[i / 2][2 * h + i % 2], factor, -base);
  }

  // Take in the scores of keys start .. start + 63, which `factor` >= 0 brings to units of log 2.
  __device__ __forceinline__ void take_in(float (&scores)[kKeyTiles][4], int start, float factor, int lane) {
    bool masked = false, special = start == 0;
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      masked |= start + kAttentionKeys > end[h] && row[h] >= 0;
      special |= row[h] > start && row[h] <= start + kAttentionKeys;
    }
    // One way for the whole warp. Most tiles of a long row are plain: every key counts, and none is the
    // first or the one before the row.
    if (any_lane(masked || special)) {
      if (!any_lane(start < max(end[0], end[1]))) return;
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        const int column = start + lane % 4 * 2;
#pragma unroll
        for (int n = 0; n < kKeyTiles; ++n) {
#pragma unroll
          for (int j = 0; j < 2; ++j) {
            float& score = scores[n][2 * h + j];
            const int key = column + n * 8 + j;
            score = key < end[h] ? score * factor : kMasked;
            if (key == 0) state[h].sink = score;
            if (key == row[h] - 1) state[h].previous = score;
          }
        }
      }
      factor = 1.0f;
    }
    float largest[2];
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      float& most = largest[h] = scores[0][2 * h];
#pragma unroll
      for (int n = 0; n < kKeyTiles; ++n) {
        most = fmaxf(most, fmaxf(scores[n][2 * h], scores[n][2 * h + 1]));
      }
      most = fmaxf(most, shuffle_xor(most, 1));
      most = fmaxf(most, shuffle_xor(most, 2));
      most = fmaxf(most * factor, state[h].largest);
    }
    if (any_lane(largest[0] > state[0].largest || largest[1] > state[1].largest)) {
      state[0].raise(largest[0]);
      state[1].raise(largest[1]);
    }
    float before[2];
    bool infinite = false;
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      OnlineRow& r = state[h];
      before[h] = r.u;
#pragma unroll
      for (int i = 0; i < 2 * kKeyTiles; ++i) r.add(distance(scores, h, i, factor));
      infinite |= isnan(r.u) && !isnan(r.l);
    }
    if (any_lane(infinite)) {  // 0 times minus infinity: such a key counts nothing
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        OnlineRow& r = state[h];
        r.u = before[h];
#pragma unroll
        for (int i = 0; i < 2 * kKeyTiles; ++i) {
          forget(scores[i / 2][2 * h + i % 2]);
          const float d = distance(scores, h, i, factor), e = power_of_two(d);
          if (e != 0.0f) r.u = fmaf(e, d, r.u);
        }
      }
    }
  }

  __device__ __forceinline__ void write(
      const AttentionShape& s, const AttentionOutput& output, int64_t head_index, int64_t first_of_warp,
      int lane) {
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      OnlineRow& r = state[h];
#pragma unroll
      for (int distance = 1; distance <= 2; distance *= 2) {
        r.l += shuffle_xor(r.l, distance);
        r.u += shuffle_xor(r.u, distance);
        r.w += shuffle_xor(r.w, distance);
        r.sink = fmaxf(r.sink, shuffle_xor(r.sink, distance));
        r.previous = fmaxf(r.previous, shuffle_xor(r.previous, distance));
      }
      const int64_t i = first_of_warp + lane / 4 + 8 * h;
      if (i >= s.rows || lane % 4 != 0) continue;
      constexpr float kLn2 = 0.693147180559945309417f;
      // A row that is out of range, or that saw nothing but minus infinity, has no distribution.
      const float l = row[h] < 0 || r.largest <= kMasked ? NAN : r.l;
      const float bits = log2f(l);
      const int64_t at = head_index * s.rows + i;
      output.out[0][at] = (r.largest + bits) * kLn2;
      output.out[1][at] = (bits - r.u / l) * kLn2;
      output.out[2][at] = (2.0f * bits - log2f(r.w)) * kLn2;
      output.out[3][at] = 1.0f / l;
      output.out[4][at] = exp2f(r.sink - r.largest) / l;
      output.out[5][at] = row[h] == 0 ? 0.0f : exp2f(r.previous - r.largest) / l;
    }
  }
};

// The number of keys that any row of the block sees. `most`: a shared word for each of `warps`.
__device__ __forceinline__ int block_limit(const LaneRows& rows, int* most, int warp, int warps, int lane) {
  int limit = max(rows.end[0], rows.end[1]);
  for (int distance = 16; distance > 0; distance /= 2) limit = max(limit, shuffle_xor(limit, distance));
  if (lane == 0) most[warp] = limit;
  sync_block();
  for (int w = 0; w < warps; ++w) limit = max(limit, most[w]);
  return same_in_warp(limit);
}

}  // namespace masga::cuda
