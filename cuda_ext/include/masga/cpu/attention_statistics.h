// Statistics of softmax attention, row by row, from one pass over the keys (online softmax).
//
// With s = scale <q_i, k_j> in units of log 2, m the largest s so far and e_j = 2^(s_j - m), a row keeps
// l = sum e, u = sum e (s - m) and w = sum e^2; then, in nats and with p = e / l,
//     lse = (m + log2 l) ln 2            entropy = (log2 l - u / l) ln 2
//     renyi2 = (2 log2 l - log2 w) ln 2  largest p = 1 / l
// Neither values nor a tokens x tokens matrix are needed. Keys are packed once into panels that the
// micro-kernel reads in order; sums over a tile are floats, sums over tiles doubles.
#pragma once

#include <cstdint>

#include "masga/attention_statistics.h"
#include "masga/cpu/vector.h"

namespace masga::MASGA_ISA {

constexpr int kPanelVectors = kLanes == 16 ? 4 : 2;  // what the register file holds beside kRowsAtOnce
constexpr int kPanel = kPanelVectors * kLanes;       // keys in a panel
constexpr int kRowsAtOnce = 6;
constexpr int kTileKeys = 256;                       // scores of a tile stay in the first-level cache
constexpr int kRowBlock = 48;                        // query rows of a task; they share key tiles

constexpr int64_t attention_panels(int64_t tokens) { return (tokens + kPanel - 1) / kPanel; }

// Pack the keys of one (batch, key head) as (panels, width, kPanel) floats; past the end are zeros.
template <typename T>
void attention_pack(const AttentionShape& s, const void* keys, float* packed, int64_t index) {
  const T* k = static_cast<const T*>(keys) + index / s.kv_heads * s.k_stride[0] +
               index % s.kv_heads * s.k_stride[1];
  float* out = packed + index * attention_panels(s.tokens) * kPanel * s.width;
  for (int64_t start = 0; start < s.tokens; start += kPanel, out += kPanel * s.width) {
    for (int64_t j = 0; j < kPanel; ++j) {
      const bool inside = start + j < s.tokens;
      const T* row = k + (start + j) * s.k_stride[2];
      for (int64_t d = 0; d < s.width; ++d) out[d * kPanel + j] = inside ? to_float(row[d]) : 0.0f;
    }
  }
}

// scores (kRowsAtOnce, kTileKeys) of kRowsAtOnce rows of q and one panel, times `factor`.
MASGA_INLINE void attention_scores(
    const float* q, const float* panel, int64_t width, float factor, float* scores) {
  Vec acc[kRowsAtOnce][kPanelVectors] = {};
  for (int64_t d = 0; d < width; ++d) {
    Vec key[kPanelVectors];
    for (int v = 0; v < kPanelVectors; ++v) key[v] = load(panel + d * kPanel + v * kLanes);
    for (int r = 0; r < kRowsAtOnce; ++r) {
      const Vec query = broadcast(q[r * width + d]);
      for (int v = 0; v < kPanelVectors; ++v) acc[r][v] += query * key[v];
    }
  }
  for (int r = 0; r < kRowsAtOnce; ++r) {
    for (int v = 0; v < kPanelVectors; ++v) {
      store(scores + r * kTileKeys + v * kLanes, acc[r][v] * factor);
    }
  }
}

// 2^x for -126 <= x <= 0, to about one unit in the last place; NaN stays NaN.
MASGA_INLINE Vec exp2_negative(Vec x) {
  const Vec shifted = x + 12582912.0f;  // 1.5 * 2^23: its low bits are round(x)
  const Vec r = x - (shifted - 12582912.0f);
  Vec p = broadcast(1.5252733804059840e-5f);  // ln(2)^k / k!
  p = p * r + 1.5403530393381610e-4f;
  p = p * r + 1.3333558146428443e-3f;
  p = p * r + 9.6181291076284772e-3f;
  p = p * r + 5.5504108664821580e-2f;
  p = p * r + 2.4022650695910072e-1f;
  p = p * r + 6.9314718055994531e-1f;
  p = p * r + 1.0f;
  return p * (Vec)(((IVec)shifted + 127) << 23);
}

// What a query row has seen so far, in units of log 2.
struct RowSums {
  double largest, l, u, w;
  float sink, previous;  // scores of key 0 and of the key before the row

  // Take in n > 0 scores; the row may be padded up to a whole vector.
  MASGA_INLINE void add(float* scores, int64_t n) {
    const int64_t padded = (n + kLanes - 1) / kLanes * kLanes;
    for (int64_t j = n; j < padded; ++j) scores[j] = -__builtin_inff();
    Vec top = broadcast(-__builtin_inff());
    for (int64_t j = 0; j < padded; j += kLanes) top = greater(top, load(scores + j));
    const double before = largest;
    const float now = maximum(top);
    if (now > largest) largest = now;
    const float base = static_cast<float>(largest);
    Vec l_tile = {}, u_tile = {}, w_tile = {};
    for (int64_t j = 0; j < padded; j += kLanes) {
      Vec d = load(scores + j) - base;
      d = d < -126.0f ? broadcast(-126.0f) : d;  // nothing beside the largest term, which is 1
      const Vec e = exp2_negative(d);
      l_tile += e;
      u_tile += e * d;
      w_tile += e * e;
    }
    if (largest > before && l > 0.0) {
      const double factor = __builtin_exp2(before - largest);
      u = factor * (u + (before - largest) * l);
      l *= factor;
      w *= factor * factor;
    }
    l += sum(l_tile);
    u += sum(u_tile);
    w += sum(w_tile);
  }

  MASGA_INLINE void write(float* const out[kAttentionStatistics], int64_t at, bool first) const {
    constexpr double kLn2 = 0.693147180559945309417;
    const double bits = __builtin_log2(l);
    out[0][at] = static_cast<float>((largest + bits) * kLn2);
    out[1][at] = static_cast<float>((bits - u / l) * kLn2);
    out[2][at] = static_cast<float>((2.0 * bits - __builtin_log2(w)) * kLn2);
    out[3][at] = static_cast<float>(1.0 / l);
    out[4][at] = static_cast<float>(__builtin_exp2(sink - largest) / l);
    out[5][at] = first ? 0.0f : static_cast<float>(__builtin_exp2(previous - largest) / l);
  }
};

constexpr int64_t attention_blocks(int64_t rows) { return (rows + kRowBlock - 1) / kRowBlock; }

// One block of query rows of one head. `scratch` holds kRowBlock * width floats; outputs are
// (batch, heads, rows).
template <typename T>
void attention_task(
    const AttentionShape& s, const void* queries, const float* packed, float* scratch,
    float* const out[kAttentionStatistics], int64_t task) {
  const int64_t blocks = attention_blocks(s.rows);
  const int64_t head_index = task / blocks, turn = task % blocks;
  // Short and long causal rows alternate, so that a run of tasks costs about what any other costs.
  const int64_t block = turn % 2 == 0 ? turn / 2 : blocks - 1 - turn / 2;
  const int64_t batch = head_index / s.heads, head = head_index % s.heads;
  const int64_t first = block * kRowBlock;
  const int64_t count = s.rows - first < kRowBlock ? s.rows - first : kRowBlock;
  const T* q = static_cast<const T*>(queries) + batch * s.q_stride[0] + head * s.q_stride[1];
  packed += (batch * s.kv_heads + head / (s.heads / s.kv_heads)) * attention_panels(s.tokens) *
            kPanel * s.width;

  int64_t row[kRowBlock], keys[kRowBlock], most_keys = 0;
  RowSums sums[kRowBlock];
  for (int64_t r = 0; r < kRowBlock; ++r) {
    row[r] = r >= count ? 0 : s.row_index == nullptr ? first + r : s.row_index[first + r];
    keys[r] = r >= count ? 0 : s.causal ? row[r] + 1 : s.tokens;
    most_keys = keys[r] > most_keys ? keys[r] : most_keys;
    sums[r] = RowSums{-__builtin_inf(), 0.0, 0.0, 0.0, 0.0f, 0.0f};
    for (int64_t d = 0; d < s.width; ++d) {
      scratch[r * s.width + d] = r < count ? to_float(q[row[r] * s.q_stride[2] + d]) : 0.0f;
    }
  }
  const float factor = static_cast<float>(s.scale * 1.44269504088896340736);  // log2(e)
  alignas(64) float scores[kRowsAtOnce * kTileKeys];
  for (int64_t start = 0; start < most_keys; start += kTileKeys) {
    for (int64_t r0 = 0; r0 < count; r0 += kRowsAtOnce) {
      int64_t most = 0;
      for (int r = 0; r < kRowsAtOnce; ++r) most = keys[r0 + r] > most ? keys[r0 + r] : most;
      if (most <= start) continue;
      most = most - start < kTileKeys ? most - start : kTileKeys;
      for (int64_t j = 0; j < most; j += kPanel) {
        attention_scores(
            scratch + r0 * s.width, packed + (start + j) * s.width, s.width, factor, scores + j);
      }
      for (int r = 0; r < kRowsAtOnce; ++r) {
        RowSums& state = sums[r0 + r];
        float* line = scores + r * kTileKeys;
        const int64_t n = keys[r0 + r] - start < kTileKeys ? keys[r0 + r] - start : kTileKeys;
        if (n <= 0) continue;
        if (start == 0) state.sink = line[0];
        const int64_t previous = row[r0 + r] - 1 - start;
        if (previous >= 0 && previous < n) state.previous = line[previous];
        state.add(line, n);
      }
    }
  }
  for (int64_t r = 0; r < count; ++r) sums[r].write(out, head_index * s.rows + first + r, row[r] == 0);
}

}  // namespace masga::MASGA_ISA
