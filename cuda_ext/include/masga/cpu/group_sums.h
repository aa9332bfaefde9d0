// Sums over tokens of a block of groups on one core, by the width of a group: float sums of a few tokens,
// added up in double.
//
// Rows that lie far apart are read in turns, a few hundred bytes of each: a core then has more requests to
// memory under way than for one stream, and reads up to a third faster. Two rows do for wide groups; narrow
// ones take kFarRows, which also spares their many sums some trips to the cache.
#pragma once

#include <cstdint>

#include "masga/cpu/vector.h"

namespace masga::MASGA_ISA {

constexpr int64_t kFoldTokens = 64;      // float sums are folded into double ones after so many tokens
constexpr int64_t kBlockColumns = 4096;  // the float sums of a block stay in the nearest caches
constexpr int64_t kFarRows = 4;          // a quarter of the tokens apart

// Products of one group in one row, added lane by lane: four chains where the group is wide enough.
template <typename T>
MASGA_INLINE Vec group_products(const T* x, const T* g, int64_t n) {
  Vec a = {}, b = {};
  int64_t i = 0;
  if (n >= 4 * kLanes) {
    Vec c = {}, d = {};
    for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
      const VecPair x0 = load_pair(x + i), x1 = load_pair(x + i + 2 * kLanes);
      const VecPair g0 = load_pair(g + i), g1 = load_pair(g + i + 2 * kLanes);
      a += x0.first * g0.first;
      b += x0.second * g0.second;
      c += x1.first * g1.first;
      d += x1.second * g1.second;
    }
    a += c;
    b += d;
  }
  for (; i + 2 * kLanes <= n; i += 2 * kLanes) {
    const VecPair xs = load_pair(x + i), gs = load_pair(g + i);
    a += xs.first * gs.first;
    b += xs.second * gs.second;
  }
  for (; i + kLanes <= n; i += kLanes) a += load(x + i) * load(g + i);
  a += b;
  if (i < n) {
    float tail = 0.0f;
    for (; i < n; ++i) tail += to_float(x[i]) * to_float(g[i]);
    a[0] += tail;
  }
  return a;
}

// Merge Count vectors, Stride apart from `first` on, into one whose lane l is the sum of vector l. Most
// merges are of distant lanes, which are the cheaper ones.
template <int Count = kLanes, int Stride = 1>
MASGA_INLINE Vec merge_all(const Vec* first) {
  if constexpr (Count == 1) {
    return *first;
  } else {
    return merge<Stride>(
        merge_all<Count / 2, 2 * Stride>(first), merge_all<Count / 2, 2 * Stride>(first + Stride));
  }
}

// The deltas of a tile of kLanes (group, token) pairs, one a lane: lane 2l + f is group l % groups of the
// token l / groups, or, with f = 1, of the one that is far from it. Adding across lanes this way costs one
// merge a pair instead of a whole reduction.
template <typename T>
__attribute__((noinline)) Vec tile_deltas(
    const T* x, const T* g, int64_t x_step, int64_t g_step, int64_t x_far, int64_t g_far,
    int64_t group_size, int groups) {
  Vec products[kLanes];
  for (int l = 0; l < kLanes; x += x_step, g += g_step) {
    for (int64_t at = 0; at < groups * group_size; at += group_size, l += 2) {
      products[l] = group_products(x + at, g + at, group_size);
      products[l + 1] = group_products(x + x_far + at, g + g_far + at, group_size);
    }
  }
  return merge_all(products);
}

// Any group size, products and sums in double.
template <typename T>
void attribution_exact(
    const T* x, const T* grad, int64_t x_step, int64_t g_step, int64_t tokens, int64_t groups,
    int64_t group_size, double* signed_sum, double* absolute_sum, double* squared_sum) {
  for (int64_t t = 0; t < tokens; ++t, x += x_step, grad += g_step) {
    for (int64_t g = 0; g < groups; ++g) {
      double delta = 0.0;
      for (int64_t i = g * group_size; i < (g + 1) * group_size; ++i) {
        delta += static_cast<double>(to_float(x[i])) * static_cast<double>(to_float(grad[i]));
      }
      signed_sum[g] += delta;
      absolute_sum[g] += __builtin_fabs(delta);
      squared_sum[g] += delta * delta;
    }
  }
}

// Float sums of one statistic each, lane by lane, over at most kFoldTokens tokens.
struct LaneSums {
  Vec signed_sum, absolute_sum, squared_sum;

  MASGA_INLINE void add(Vec delta) {
    signed_sum += delta;
    absolute_sum += absolute(delta);
    squared_sum += delta * delta;
  }
};

// Adds lanes 2l and 2l + 1 of `lanes` to group l % groups_in_tile.
MASGA_INLINE void fold(
    const LaneSums& lanes, int groups_in_tile, double* signed_sum, double* absolute_sum,
    double* squared_sum) {
  for (int l = 0; l < kLanes; ++l) {
    signed_sum[l / 2 % groups_in_tile] += lanes.signed_sum[l];
    absolute_sum[l / 2 % groups_in_tile] += lanes.absolute_sum[l];
    squared_sum[l / 2 % groups_in_tile] += lanes.squared_sum[l];
  }
}

// One group after another, for groups so wide that adding across lanes is little, or too few to fill a tile.
template <typename T>
void attribution_broad(
    const T* x, const T* grad, int64_t x_step, int64_t g_step, int64_t tokens, int64_t groups,
    int64_t group_size, double* signed_sum, double* absolute_sum, double* squared_sum) {
  constexpr int64_t kSlice = 256;  // elements read from one row before the other one's turn
  const int64_t half = tokens / 2;
  const auto add = [=](int64_t g, float delta) {
    signed_sum[g] += delta;
    absolute_sum[g] += __builtin_fabs(delta);
    squared_sum[g] += static_cast<double>(delta) * delta;
  };
  for (int64_t t = 0; t < half; ++t) {
    for (int64_t g = 0; g < groups; ++g) {
      const T *near_x = x + t * x_step + g * group_size, *far_x = near_x + half * x_step;
      const T *near_grad = grad + t * g_step + g * group_size, *far_grad = near_grad + half * g_step;
      Vec near = {}, far = {};
      for (int64_t i = 0; i < group_size; i += kSlice) {
        const int64_t n = group_size - i < kSlice ? group_size - i : kSlice;
        near += group_products(near_x + i, near_grad + i, n);
        far += group_products(far_x + i, far_grad + i, n);
      }
      add(g, sum(near));
      add(g, sum(far));
    }
  }
  if (2 * half == tokens) return;
  x += (tokens - 1) * x_step;
  grad += (tokens - 1) * g_step;
  for (int64_t g = 0; g < groups; ++g) {
    add(g, sum(group_products(x + g * group_size, grad + g * group_size, group_size)));
  }
}

// The widest tile of groups that `left` groups fill, in two rows: a power of two, at most kLanes / 2.
MASGA_INLINE int tile_width(int64_t left) {
  int width = kLanes / 2;
  while (width > left) width /= 2;
  return width;
}

// Groups of more than one vector up to sixteen, in tiles of kLanes / 2 groups, then of ever fewer, by as
// many pairs of tokens as fill the lanes. Tokens are taken kLanes at a time; those left over go singly.
template <typename T>
void attribution_wide(
    const T* x, const T* grad, int64_t x_step, int64_t g_step, int64_t tokens, int64_t groups,
    int64_t group_size, double* signed_sum, double* absolute_sum, double* squared_sum) {
  constexpr int kPairs = kLanes / 2, kNarrower = 8;  // at most one tile of each power of two below kPairs
  LaneSums lanes[kBlockColumns / kLanes / kPairs + kNarrower];
  const int64_t half = tokens / kLanes * kPairs;
  for (int64_t t = 0; t < half;) {
    const int64_t end = t + kFoldTokens / 2 < half ? t + kFoldTokens / 2 : half;
    for (LaneSums& sums : lanes) sums = LaneSums{};
    for (; t < end; t += kPairs) {
      const int64_t whole = groups - groups % kPairs;
      for (int64_t r = t; whole != 0 && r < t + kPairs; ++r) {
        LaneSums* tile = lanes;
        for (int64_t g = 0; g < whole; g += kPairs) {
          (tile++)->add(tile_deltas(
              x + r * x_step + g * group_size, grad + r * g_step + g * group_size, x_step, g_step,
              half * x_step, half * g_step, group_size, kPairs));
        }
      }
      LaneSums* tile = lanes + whole / kPairs;
      for (int64_t g = whole; g < groups; ++tile) {
        const int width = tile_width(groups - g);
        for (int64_t r = t; r < t + kPairs; r += kPairs / width) {
          tile->add(tile_deltas(
              x + r * x_step + g * group_size, grad + r * g_step + g * group_size, x_step, g_step,
              half * x_step, half * g_step, group_size, width));
        }
        g += width;
      }
    }
    LaneSums* tile = lanes;
    for (int64_t g = 0; g < groups; ++tile) {
      const int width = tile_width(groups - g);
      fold(*tile, width, signed_sum + g, absolute_sum + g, squared_sum + g);
      g += width;
    }
  }
  attribution_broad(
      x + 2 * half * x_step, grad + 2 * half * g_step, x_step, g_step, tokens - 2 * half, groups,
      group_size, signed_sum, absolute_sum, squared_sum);
}

// Every other small group: products by vector into a row that stays in cache, then sums by group.
template <typename T>
void attribution_odd(
    const T* x, const T* grad, int64_t x_step, int64_t g_step, int64_t tokens, int64_t groups,
    int64_t group_size, double* signed_sum, double* absolute_sum, double* squared_sum) {
  alignas(64) float product[kBlockColumns];
  const int64_t columns = groups * group_size;
  for (int64_t t = 0; t < tokens; ++t, x += x_step, grad += g_step) {
    int64_t i = 0;
    for (; i + kLanes <= columns; i += kLanes) store(product + i, load(x + i) * load(grad + i));
    for (; i < columns; ++i) product[i] = to_float(x[i]) * to_float(grad[i]);
    const float* p = product;
    for (int64_t g = 0; g < groups; ++g, p += group_size) {
      float delta = p[0];
      for (int64_t j = 1; j < group_size; ++j) delta += p[j];
      signed_sum[g] += delta;
      absolute_sum[g] += __builtin_fabs(delta);
      squared_sum[g] += static_cast<double>(delta) * delta;
    }
  }
}

// Groups of a small power of two. Each step makes one vector with the deltas of kLanes groups. A sum of
// products holds kLanes / kMerge groups, and kMerge of them are merged, so that lane l is group
// l / kMerge of sum l % kMerge.
template <int Size, typename T>
void attribution_narrow(
    const T* x, const T* grad, int64_t x_step, int64_t g_step, int64_t tokens, int64_t groups,
    double* signed_sum, double* absolute_sum, double* squared_sum) {
  constexpr int kPair = kPairsNeighbours<T> ? 2 : 1;  // neighbours are added before any merge
  constexpr int kMerge = Size >= kPair * kLanes ? kLanes : Size / kPair;
  constexpr int kColumns = Size * kLanes;
  constexpr int kSummed = kColumns / kMerge;  // columns in one sum
  const int64_t whole = groups - groups % kLanes, part = tokens / kFarRows;
  LaneSums lanes[kBlockColumns / kColumns + 1];
  const auto deltas = [](const T* xt, const T* gt) {
    Vec sums[kMerge];
    for (int v = 0; v < kMerge; ++v, xt += kSummed, gt += kSummed) {
      sums[v] = Vec{};
      for (int c = 0; c < kSummed; c += kPair * kLanes) {
        if constexpr (kPair == 2) {
          const VecPair xs = load_pair(xt + c), gs = load_pair(gt + c);
          sums[v] += xs.first * gs.first + xs.second * gs.second;
        } else {
          sums[v] += load(xt + c) * load(gt + c);
        }
      }
    }
    return merge_all<kMerge>(sums);
  };
  for (int64_t t = 0, rest = kFarRows * part; whole != 0 && (t < part || rest < tokens);) {
    const int64_t end = t + kFoldTokens / kFarRows < part ? t + kFoldTokens / kFarRows : part;
    for (int64_t i = 0; i < whole / kLanes; ++i) lanes[i] = LaneSums{};
    for (; t < end; ++t) {
      for (int64_t i = 0; i < whole / kLanes; ++i) {
        const T* xt = x + t * x_step + i * kColumns;
        const T* gt = grad + t * g_step + i * kColumns;
        LaneSums sums = lanes[i];
        for (int r = 0; r < kFarRows; ++r, xt += part * x_step, gt += part * g_step) {
          sums.add(deltas(xt, gt));
        }
        lanes[i] = sums;
      }
    }
    for (; t == part && rest < tokens; ++rest) {
      for (int64_t i = 0; i < whole / kLanes; ++i) {
        lanes[i].add(deltas(x + rest * x_step + i * kColumns, grad + rest * g_step + i * kColumns));
      }
    }
    for (int64_t i = 0; i < whole / kLanes; ++i) {
      const auto unmerge = [i](const Vec& lane, double* sums) {
        for (int l = 0; l < kLanes; ++l) {
          sums[i * kLanes + l % kMerge * (kLanes / kMerge) + l / kMerge] += lane[l];
        }
      };
      unmerge(lanes[i].signed_sum, signed_sum);
      unmerge(lanes[i].absolute_sum, absolute_sum);
      unmerge(lanes[i].squared_sum, squared_sum);
    }
  }
  const auto rest = Size >= kLanes ? attribution_wide<T> : attribution_odd<T>;
  rest(
      x + whole * Size, grad + whole * Size, x_step, g_step, tokens, groups - whole, Size,
      signed_sum + whole, absolute_sum + whole, squared_sum + whole);
}

// Add Rows rows of single channels, x_far and g_far apart, to the sums, pair by pair of vectors.
template <int64_t Rows, typename T>
MASGA_INLINE void add_single_rows(
    const T* x, const T* grad, int64_t x_far, int64_t g_far, int64_t pairs, LaneSums* sums) {
  for (int64_t i = 0; i < pairs; ++i, x += 2 * kLanes, grad += 2 * kLanes, sums += 2) {
    LaneSums first = sums[0], second = sums[1];
#pragma GCC unroll 8
    for (int64_t r = 0; r < Rows; ++r) {
      const VecPair xs = load_pair(x + r * x_far), gs = load_pair(grad + r * g_far);
      first.add(xs.first * gs.first);
      second.add(xs.second * gs.second);
    }
    sums[0] = first;
    sums[1] = second;
  }
}

// Single channels: nothing to merge, many sums. They are touched once for kFarRows rows, and folded seldom.
template <typename T>
void attribution_single(
    const T* x, const T* grad, int64_t x_step, int64_t g_step, int64_t tokens, int64_t groups,
    double* signed_sum, double* absolute_sum, double* squared_sum) {
  constexpr int kPair = 2 * kLanes;  // groups of load_pair's vectors
  const int64_t pairs = groups / kPair, part = tokens / kFarRows, far = kFarRows * part;
  LaneSums lanes[kBlockColumns / kLanes];
  for (int64_t t = 0, rest = far; pairs != 0 && (t < part || rest < tokens);) {
    const int64_t end = t + kFoldTokens < part ? t + kFoldTokens : part;
    for (int64_t i = 0; i < 2 * pairs; ++i) lanes[i] = LaneSums{};
    for (; t < end; ++t) {
      add_single_rows<kFarRows>(
          x + t * x_step, grad + t * g_step, part * x_step, part * g_step, pairs, lanes);
    }
    for (; t == part && rest < tokens; ++rest) {
      add_single_rows<1>(x + rest * x_step, grad + rest * g_step, 0, 0, pairs, lanes);
    }
    for (int64_t i = 0; i < 2 * pairs; ++i) {
      const int64_t block = i / 2 * kPair, odd = i % 2;
      for (int l = 0; l < kLanes; ++l) {
        const int64_t g = block + (kPairsNeighbours<T> ? 2 * l + odd : odd * kLanes + l);
        signed_sum[g] += lanes[i].signed_sum[l];
        absolute_sum[g] += lanes[i].absolute_sum[l];
        squared_sum[g] += lanes[i].squared_sum[l];
      }
    }
  }
  const int64_t whole = pairs * kPair;
  attribution_odd(
      x + whole, grad + whole, x_step, g_step, tokens, groups - whole, 1, signed_sum + whole,
      absolute_sum + whole, squared_sum + whole);
}

}  // namespace masga::MASGA_ISA
