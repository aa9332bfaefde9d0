// The CPU kernels of every instruction set by themselves, without torch: each against a plain loop in
// double, on buffers of exactly the right size, so that memory checkers see a read or write past the end.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <random>
#include <type_traits>
#include <vector>

#include "masga/cpu/kernels.h"
#include "masga/cpu/vector.h"

namespace {

using namespace masga;

int failures = 0;
std::mt19937 generator(1);
const double kNan = std::numeric_limits<double>::quiet_NaN();

template <typename T>
T encode(float value) {
  if constexpr (std::is_same_v<T, BFloat16>) {
    uint32_t bits;
    std::memcpy(&bits, &value, 4);
    return {static_cast<uint16_t>(bits >> 16)};
  } else if constexpr (std::is_same_v<T, Float16>) {
    const _Float16 half = static_cast<_Float16>(value);
    T out;
    std::memcpy(&out, &half, 2);
    return out;
  } else {
    return value;
  }
}

template <typename T>
double decode(T value) {
  if constexpr (std::is_same_v<T, BFloat16>) {
    const uint32_t bits = static_cast<uint32_t>(value.bits) << 16;
    float out;
    std::memcpy(&out, &bits, 4);
    return out;
  } else if constexpr (std::is_same_v<T, Float16>) {
    _Float16 half;
    std::memcpy(&half, &value, 2);
    return static_cast<double>(half);
  } else {
    return value;
  }
}

template <typename T>
std::vector<T> draw(int64_t n) {
  std::normal_distribution<float> normal;
  std::vector<T> out;
  out.reserve(n);
  for (int64_t i = 0; i < n; ++i) out.push_back(encode<T>(normal(generator)));
  return out;
}

void expect(const char* level, const char* what, double found, double exact, double size, double tolerance) {
  if (std::abs(found - exact) <= tolerance * size + 1e-30) return;
  if (++failures < 20) std::printf("%s %s: found %.9g, expected %.9g\n", level, what, found, exact);
}

template <typename T>
void attribution(const CpuKernels& kernels, Element element, const AttributionShape& s, bool exact) {
  const std::vector<T> x = draw<T>(s.batch * s.x_stride[0]), g = draw<T>(s.batch * s.grad_stride[0]);
  const AttributionCut cut = kernels.attribution_cut(s);
  std::vector<double> partials(s.batch * cut.chunks * 3 * s.groups(), kNan);
  for (int64_t i = cut.tasks; i-- > 0;) {
    kernels.attribution_task(s, element, x.data(), g.data(), exact, partials.data(), i);
  }
  for (int64_t b = 0; b < s.batch; ++b) {
    for (int64_t group = 0; group < s.groups(); ++group) {
      double found[3] = {}, sums[3] = {}, sizes[3] = {};
      for (int64_t c = 0; c < cut.chunks; ++c) {
        for (int k = 0; k < 3; ++k) {
          found[k] += partials[((b * cut.chunks + c) * 3 + k) * s.groups() + group];
        }
      }
      const int64_t head = group / s.groups_per_head(), start = group % s.groups_per_head() * s.group_size;
      for (int64_t t = 0; t < s.tokens; ++t) {
        double delta = 0, size = 0;
        for (int64_t i = start; i < start + s.group_size; ++i) {
          const double product =
              decode(x[b * s.x_stride[0] + t * s.x_stride[1] + head * s.x_stride[2] + i]) *
              decode(g[b * s.grad_stride[0] + t * s.grad_stride[1] + head * s.grad_stride[2] + i]);
          delta += product;
          size += std::abs(product);
        }
        sizes[0] = sizes[1] += size;
        sizes[2] += size * size;
        sums[0] += delta;
        sums[1] += std::abs(delta);
        sums[2] += delta * delta;
      }
      for (int k = 0; k < 3; ++k) {
        expect(kernels.level, "attribution", found[k], sums[k], sizes[k], 1e-6);
      }
    }
  }
}

template <typename T>
void attributions(const CpuKernels& kernels, Element element) {
  for (int64_t group_size : {1, 2, 3, 4, 7, 8, 13, 16, 17, 32, 40, 64, 67, 130, 300}) {
    for (int64_t groups : {1, 5, 18}) {
      for (int64_t tokens : {1, 17, 70}) {
        const int64_t width = groups * group_size, heads = 2;
        // heads joined in a row, and heads apart as (B, H, T, D)
        attribution<T>(kernels, element, {2, tokens, 1, width, group_size, {tokens * width, width, 0}, {tokens * width, width, 0}}, groups == 5 && tokens == 17);
        attribution<T>(kernels, element, {1, tokens, heads, width, group_size, {heads * tokens * width, width, tokens * width}, {heads * tokens * width, heads * width, width}}, false);
      }
    }
  }
  attribution<T>(kernels, element, {1, 3, 1, 9001, 1, {3 * 9001, 9001, 0}, {3 * 9001, 9001, 0}}, false);
}

template <typename T>
void attention(const CpuKernels& kernels, Element element, int64_t heads, int64_t kv_heads, int64_t tokens, int64_t width, bool causal, std::vector<int64_t> rows) {
  AttentionShape s{1, heads, kv_heads, tokens, width, static_cast<int64_t>(rows.size()),
                   {heads * tokens * width, tokens * width, width}, {kv_heads * tokens * width, width, kv_heads * width},
                   rows.data(), 0.7f / std::sqrt(static_cast<float>(width)), causal};
  if (rows.empty()) {
    s.rows = tokens;
    s.row_index = nullptr;
    for (int64_t i = 0; i < tokens; ++i) rows.push_back(i);
  }
  const std::vector<T> q = draw<T>(heads * tokens * width), k = draw<T>(kv_heads * tokens * width);
  const AttentionCut cut = kernels.attention_cut(s);
  std::vector<float> packed(cut.packed_floats, NAN), scratch(cut.scratch_floats, NAN);
  std::vector<std::vector<float>> out(6, std::vector<float>(heads * s.rows, NAN));
  float* data[6];
  for (int i = 0; i < 6; ++i) data[i] = out[i].data();
  for (int64_t i = 0; i < cut.pack_tasks; ++i) kernels.attention_pack(s, element, k.data(), packed.data(), i);
  for (int64_t i = cut.row_tasks; i-- > 0;) kernels.attention_task(s, element, q.data(), packed.data(), scratch.data(), data, i);
  for (int64_t h = 0; h < heads; ++h) {
    for (int64_t r = 0; r < s.rows; ++r) {
      const int64_t row = rows[r], keys = causal ? row + 1 : tokens, kv = h / (heads / kv_heads);
      std::vector<double> score(keys);
      double sum = 0, entropy = 0, squares = 0, largest = 0;
      for (int64_t j = 0; j < keys; ++j) {
        for (int64_t d = 0; d < width; ++d) score[j] += decode(q[(h * tokens + row) * width + d]) * decode(k[(j * kv_heads + kv) * width + d]);
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
      for (int i = 0; i < 6; ++i) expect(kernels.level, "attention", out[i][h * s.rows + r], exact[i], 1.0 + std::abs(exact[i]), 3e-6);
    }
  }
}

template <typename T>
void attentions(const CpuKernels& kernels, Element element) {
  for (bool causal : {true, false}) {
    attention<T>(kernels, element, 1, 1, 1, 1, causal, {});
    attention<T>(kernels, element, 4, 2, 53, 9, causal, {});
    attention<T>(kernels, element, 1, 1, 270, 16, causal, {});
    attention<T>(kernels, element, 2, 1, 270, 5, causal, {269, 0, 7, 7, 256, 255});
  }
}

template <typename T>
void deltas(const CpuKernels& kernels, Element element) {
  for (int64_t width : {0, 1, 5, 48, 131}) {
    const AttributionShape s{2, 37, 1, width, width > 0 ? width : 1, {37 * width, width, 0}, {37 * width, width, 0}};
    const std::vector<T> x = draw<T>(2 * 37 * width), g = draw<T>(2 * 37 * width);
    std::vector<double> found(2 * 37, kNan);
    for (int64_t i = 0; i * kernels.delta_tokens < 2 * 37; ++i) kernels.token_deltas_task(s, element, x.data(), g.data(), found.data(), i);
    for (int64_t i = 0; i < 2 * 37; ++i) {
      double delta = 0, size = 0;
      for (int64_t c = i * width; c < (i + 1) * width; ++c) {
        delta += decode(x[c]) * decode(g[c]);
        size += std::abs(decode(x[c]) * decode(g[c]));
      }
      expect(kernels.level, "delta", found[i], delta, size, 1e-6);
    }
  }
}

void all(const CpuKernels& kernels) {
  attributions<float>(kernels, Element::kFloat32);
  attributions<BFloat16>(kernels, Element::kBFloat16);
  attributions<Float16>(kernels, Element::kFloat16);
  attributions<double>(kernels, Element::kFloat64);
  attentions<float>(kernels, Element::kFloat32);
  attentions<BFloat16>(kernels, Element::kBFloat16);
  attentions<Float16>(kernels, Element::kFloat16);
  deltas<float>(kernels, Element::kFloat32);
  deltas<BFloat16>(kernels, Element::kBFloat16);
  deltas<Float16>(kernels, Element::kFloat16);
  deltas<double>(kernels, Element::kFloat64);
  std::printf("%s done\n", kernels.level);
}

}  // namespace

int main() {
  all(masga::baseline_kernels());
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c")) {
    all(masga::avx2_kernels());
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")) {
      all(masga::avx512_kernels());
    }
  }
#endif
  if (failures != 0) std::printf("%d failures\n", failures);
  return failures == 0 ? 0 : 1;
}
