// The CUDA kernels run on the host (see masga/cuda/machine.cuh beside this) against loops in double.
#include <cmath>
#include <cstdio>
#include <random>
#include <vector>

#include "masga/cuda/machine.cuh"

#include "masga/cuda/attention_hopper.cuh"
#include "masga/cuda/attention_statistics.cuh"
#include "masga/cuda/embedding_attribution.cuh"
#include "masga/cuda/grouped_attribution.cuh"

namespace {

using namespace masga;
using namespace masga::cuda;

int failures = 0;
std::mt19937 generator(1);

template <typename T>
std::vector<T> draw(int64_t n) {
  std::normal_distribution<float> normal;
  std::vector<T> out(n + 16);  // room to begin at a multiple of sixteen bytes
  for (T& v : out) v = T(normal(generator));
  return out;
}

template <typename T>
T* aligned(std::vector<T>& v) {
  return reinterpret_cast<T*>((reinterpret_cast<uintptr_t>(v.data()) + 15) / 16 * 16);
}

void expect(const char* what, double found, double exact, double size) {
  if (std::abs(found - exact) <= 3e-6 * size + 1e-30) return;
  if (++failures < 20) std::printf("%s: found %.9g, expected %.9g\n", what, found, exact);
}

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// `kernel(shape, cut, x, grad, partials)` of tiles `tile_groups` groups wide; heads apart in memory.
template <typename T, typename Kernel>
void attribution(
    const char* what, int64_t tokens, int64_t heads, int64_t groups_per_head, int64_t group_size,
    int64_t tiles, const Kernel& kernel) {
  const int64_t width = groups_per_head * group_size, chunks = tokens > 40 ? 3 : 1, batch = 2;
  const AttributionShape s{batch, tokens, heads, width, group_size,
                           {heads * tokens * width, width, tokens * width},
                           {heads * tokens * width, heads * width, width}};
  const AttributionCut cut{chunks, ceil_div(tokens, chunks), tiles};
  std::vector<T> x_store = draw<T>(batch * heads * tokens * width), g_store = draw<T>(batch * heads * tokens * width);
  const T *x = aligned(x_store), *g = aligned(g_store);
  const int64_t groups = heads * groups_per_head;
  std::vector<double> partials(batch * chunks * 3 * groups, NAN);
  launch(batch * chunks * heads * tiles, 1, 32 * kWarps, [&] { kernel(s, cut, x, g, partials.data()); });
  std::vector<float> out(3 * batch * groups, 1.0f);  // accumulates onto ones, statistics last
  const AttributionOutput output{{out.data(), out.data() + 1, out.data() + 2}, 3 * groups, 3, false, true};
  launch(ceil_div(batch * 3 * groups, 128), 1, 128, [&] { attribution_finish(batch, groups, chunks, partials.data(), output); });
  for (int64_t b = 0; b < batch; ++b) {
    for (int64_t group = 0; group < groups; ++group) {
      const int64_t head = group / groups_per_head, start = group % groups_per_head * group_size;
      double sums[3] = {}, sizes[3] = {};
      for (int64_t t = 0; t < tokens; ++t) {
        double delta = 0, size = 0;
        for (int64_t i = start; i < start + group_size; ++i) {
          const double p = static_cast<double>(static_cast<float>(x[((b * heads + head) * tokens + t) * width + i])) *
                           static_cast<double>(static_cast<float>(g[((b * tokens + t) * heads + head) * width + i]));
          delta += p;
          size += std::abs(p);
        }
        sums[0] += delta;
        sums[1] += std::abs(delta);
        sums[2] += delta * delta;
        sizes[0] = sizes[1] += size;
        sizes[2] += size * size;
      }
      for (int k = 0; k < 3; ++k) expect(what, out[(b * groups + group) * 3 + k], 1.0 + sums[k], 1.0 + sizes[k]);
    }
  }
}

template <typename T, int Size>
void by_vector(int64_t groups, int64_t tokens) {
  constexpr int64_t kVector = Loaded<T>::kCount;
  attribution<T>("by_vector", tokens, 2, groups, Size, ceil_div(groups * Size, 32 * kVector),
                 [](auto... a) { attribution_by_vector<T, Size>(a...); });
}

template <typename T>
void attributions() {
  by_vector<T, 1>(264, 70);
  by_vector<T, 2>(12, 9);
  by_vector<T, 4>(10, 41);
  by_vector<T, 8>(40, 33);
  by_vector<T, 64>(7, 45);
  by_vector<T, 128>(3, 5);
  attribution<T>("by_warp", 19, 2, 3, 96, 3, [](auto... a) { attribution_by_warp<T, true, float>(a...); });
  attribution<T>("by_warp", 19, 2, 2, 1000, 2, [](auto... a) { attribution_by_warp<T, true, float>(a...); });
  attribution<T>("by_warp", 19, 2, 3, 61, 3, [](auto... a) { attribution_by_warp<T, false, float>(a...); });
  attribution<T>("by_warp", 19, 2, 3, 61, 3, [](auto... a) { attribution_by_warp<T, false, double>(a...); });
  attribution<T>("by_lane", 50, 2, 37, 3, 2, [](auto... a) { attribution_by_lane<T, float>(a...); });
}

// `kernel(shape, q, k, output)` of blocks of `rows_at_once` rows and `threads` threads.
template <typename T, typename Kernel>
void attention(
    const char* what, int rows_at_once, int threads, const Kernel& kernel, int64_t heads, int64_t kv_heads,
    int64_t tokens, int64_t width, bool causal, std::vector<int64_t> rows, float sign = 1.0f) {
  AttentionShape s{1, heads, kv_heads, tokens, width, static_cast<int64_t>(rows.size()),
                   {heads * tokens * width, width, heads * width}, {kv_heads * tokens * width, tokens * width, width},
                   rows.data(), sign * 0.9f / std::sqrt(static_cast<float>(width)), causal};
  if (rows.empty()) {
    s.rows = tokens;
    s.row_index = nullptr;
    for (int64_t i = 0; i < tokens; ++i) rows.push_back(i);
  }
  std::vector<T> q_store = draw<T>(heads * tokens * width), k_store = draw<T>(kv_heads * tokens * width);
  const T *q = aligned(q_store), *k = aligned(k_store);
  machine.readable = {{q, q + heads * tokens * width}, {k, k + kv_heads * tokens * width}};
  std::vector<std::vector<float>> out(6, std::vector<float>(heads * s.rows, NAN));
  AttentionOutput output;
  for (int i = 0; i < 6; ++i) output.out[i] = out[i].data();
  launch(heads * ceil_div(s.rows, rows_at_once), 1, threads, [&] { kernel(s, q, k, output); });
  for (int64_t h = 0; h < heads; ++h) {
    for (int64_t r = 0; r < s.rows; ++r) {
      const int64_t row = rows[r], keys = causal ? row + 1 : tokens, kv = h / (heads / kv_heads);
      if (row < 0 || row >= tokens) {
        for (int i = 0; i < 5; ++i) expect(what, std::isnan(out[i][h * s.rows + r]), 1, 1e-9);
        continue;
      }
      std::vector<double> score(keys);
      double sum = 0, entropy = 0, squares = 0, largest = 0;
      for (int64_t j = 0; j < keys; ++j) {
        for (int64_t d = 0; d < width; ++d) score[j] += static_cast<double>(static_cast<float>(q[(row * heads + h) * width + d])) * static_cast<double>(static_cast<float>(k[(kv * tokens + j) * width + d]));
        sum += std::exp(score[j] *= s.scale);
      }
      for (double e : score) {
        const double p = std::exp(e) / sum;
        entropy -= p * std::log(p);
        squares += p * p;
        largest = std::max(largest, p);
      }
      const double exact[6] = {std::log(sum), entropy, -std::log(squares), largest, std::exp(score[0]) / sum,
                               row == 0 ? 0.0 : std::exp(score[row - 1]) / sum};
      for (int i = 0; i < 6; ++i) expect(what, out[i][h * s.rows + r], exact[i], 1.0 + std::abs(exact[i]));
    }
  }
}

template <typename T, int Width, typename... Rest>
void ampere(bool vectors, Rest... rest) {
  attention<T>("attention", kAttentionRows, kAttentionThreads, [vectors](auto s, auto q, auto k, auto output) {
    attention_kernel<T, Width>(s, q, k, vectors, output);
  }, rest...);
}

template <typename T, int Width, typename... Rest>
void hopper(Rest... rest) {
  attention<T>("attention on Hopper", HopperShape<Width>::kRows, HopperShape<Width>::kThreads,
               [](auto s, auto q, auto k, auto output) { attention_hopper_kernel<T, Width>(s, q, k, output); }, rest...);
}

using Rows = std::vector<int64_t>;
const Rows edges = {149, 0, 1, 64, 63, 64, 127, 128, 150, -1};
const Rows low_and_high = {0, 1, 2, 3, 4, 5, 6, 7, 149, 148, 147, 146, 145, 144, 143, 142};

template <typename T>
void attentions() {
  ampere<T, 32>(true, 4, 2, 70, 32, true, Rows{});
  ampere<T, 32>(true, 2, 1, 70, 24, false, Rows{}, -1.0f);
  ampere<T, 32>(false, 1, 1, 131, 9, true, Rows{});
  ampere<T, 64>(true, 1, 1, 150, 64, true, edges);
  ampere<T, 64>(true, 1, 1, 390, 64, true, Rows{}, -1.0f);
  ampere<T, 128>(false, 1, 1, 66, 100, false, Rows{65, 64, 3});
}

void hopper_attentions() {
  hopper<__half, 64>(2, 1, 150, 64, true, Rows{});
  using T = __nv_bfloat16;
  hopper<T, 64>(2, 1, 390, 64, true, Rows{});
  hopper<T, 64>(2, 1, 1, 64, true, Rows{});
  hopper<T, 64>(1, 1, 300, 40, false, Rows{}, -1.0f);
  hopper<T, 64>(1, 1, 150, 64, true, edges);
  hopper<T, 64>(1, 1, 150, 64, true, low_and_high);
  hopper<T, 64>(1, 1, 127, 64, false, Rows{});
  hopper<T, 128>(1, 1, 260, 128, true, Rows{});
  hopper<T, 128>(1, 1, 192, 104, false, Rows{65, 64, 3, 191}, -1.0f);
  hopper<T, 256>(1, 1, 200, 256, true, Rows{}, -1.0f);
  hopper<T, 256>(1, 1, 70, 136, false, Rows{65, 0});
}

// A key of minus infinity beside finite ones counts nothing; NaN shows.
template <typename T, typename Run>
void infinities(const char* what, const Run& run) {
  const int64_t tokens = 200, width = 64;
  std::vector<T> q_store(tokens * width + 16, T(1.0f)), k_store(tokens * width + 16, T(0.0f));
  T *q = aligned(q_store), *k = aligned(k_store);
  machine.readable = {{q, q + tokens * width}, {k, k + tokens * width}};
  k[0] = T(-INFINITY);            // all that row 0 sees
  k[70 * width] = T(-INFINITY);   // seen by rows 70 and later
  k[180 * width + 3] = T(NAN);    // and this by rows 180 and later
  const AttentionShape s{1, 1, 1, tokens, width, tokens, {0, 0, width}, {0, 0, width}, nullptr, 1.0f, true};
  std::vector<std::vector<float>> out(6, std::vector<float>(tokens, -1.0f));
  AttentionOutput output;
  for (int i = 0; i < 6; ++i) output.out[i] = out[i].data();
  run(s, q, k, output);
  for (int64_t row = 0; row < tokens; ++row) {
    const double keys = row - (row >= 70);
    const double exact[4] = {std::log(keys), std::log(keys), std::log(keys), 1 / keys};
    for (int i = 0; i < 4; ++i) {
      row > 0 && row < 180 ? expect(what, out[i][row], exact[i], 4) : expect(what, std::isnan(out[i][row]), 1, 1e-9);
    }
  }
}

template <typename T>
void infinite_scores() {
  infinities<T>("infinite scores", [](auto s, auto q, auto k, auto output) {
    launch(ceil_div(s.rows, kAttentionRows), 1, kAttentionThreads, [&] { attention_kernel<T, 64>(s, q, k, true, output); });
  });
  if constexpr (sizeof(T) == 2) {
    using Shape = HopperShape<64>;
    infinities<T>("infinite scores on Hopper", [](auto s, auto q, auto k, auto output) {
      launch(ceil_div(s.rows, Shape::kRows), 1, Shape::kThreads, [&] { attention_hopper_kernel<T, 64>(s, q, k, output); });
    });
  }
}

template <typename T>
void embedding() {
  const int64_t batch = 2, tokens = 90, width = 50, vocabulary = 20;
  for (int64_t buckets : {1, 5, 300}) {
    const AttributionShape s{batch, tokens, 1, width, width, {tokens * width, width, 0}, {tokens * width, width, 0}};
    const std::vector<T> x = draw<T>(batch * tokens * width), g = draw<T>(batch * tokens * width);
    std::vector<int64_t> ids(batch * tokens), table(vocabulary);
    for (int64_t& v : ids) v = generator() % vocabulary;
    for (int64_t& v : table) v = generator() % buckets;
    if (buckets == 5) ids[tokens + 3] = vocabulary;  // out of range: the second sequence is NaN
    std::vector<double> deltas(batch * tokens, NAN);
    launch(ceil_div(batch * tokens, kWarps), 1, 32 * kWarps, [&] { token_deltas<T>(s, x.data(), g.data(), deltas.data()); });
    std::vector<std::vector<float>> out(3, std::vector<float>(batch * buckets, -1.0f));
    int tile = 1;
    while (tile < buckets && tile < kBucketThreads) tile *= 2;
    launch(batch, ceil_div(buckets, tile), kBucketThreads, [&] {
      bucket_sums(tokens, vocabulary, buckets, tile, ids.data(), table.data(), deltas.data(), out[0].data(), out[1].data(), out[2].data());
    });
    for (int64_t b = 0; b < batch; ++b) {
      std::vector<double> sums(3 * buckets), size(buckets, 1e-9);
      for (int64_t t = 0; t < tokens; ++t) {
        double delta = 0;
        for (int64_t c = 0; c < width; ++c) delta += static_cast<double>(static_cast<float>(x[(b * tokens + t) * width + c])) * static_cast<double>(static_cast<float>(g[(b * tokens + t) * width + c]));
        if (ids[b * tokens + t] >= vocabulary) continue;
        const int64_t k = table[ids[b * tokens + t]];
        sums[k] += delta;
        sums[buckets + k] += std::abs(delta);
        sums[2 * buckets + k] += delta * delta;
        size[k] += 10 * width;
      }
      for (int64_t k = 0; k < buckets; ++k) {
        for (int i = 0; i < 3; ++i) {
          const float found = out[i][b * buckets + k];
          if (buckets == 5 && b == 1) {
            expect("bad id", std::isnan(found), 1, 1e-9);
          } else {
            expect("embedding", found, sums[i * buckets + k], size[k]);
          }
        }
      }
    }
  }
}

}  // namespace

int main() {
  attributions<float>();
  attributions<__nv_bfloat16>();
  attributions<__half>();
  attentions<float>();
  attentions<__nv_bfloat16>();
  attentions<__half>();
  hopper_attentions();
  infinite_scores<float>();
  infinite_scores<__nv_bfloat16>();
  embedding<float>();
  embedding<__nv_bfloat16>();
  std::printf("%d failures, %d faults of order\n", failures, machine.faults);
  return failures + machine.faults == 0 ? 0 : 1;
}
