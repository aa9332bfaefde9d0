// Products of a warpgroup on the host, as the PTX manual lays out wgmma and its descriptors. They are done
// as late as they may be; a tile that changes meanwhile, that the tensor cores do not see yet, or registers
// that are not theirs are faults.
#pragma once

#include "masga/cuda/machine.cuh"

namespace masga::cuda {

struct Product {
  float (*c)[4];
  bool accumulate;
  uint64_t b;
  float a[2][16];      // rows lane / 4 and lane / 4 + 8 of the warp
  float found[8][4];   // when it was started
};
inline std::vector<Product> open_products[1024], committed_products[1024];
inline bool products_begun[1024];

inline uint64_t describe_tile(const void* tile) {
  const uint64_t address = static_cast<const unsigned char*>(tile) - machine.dynamic_shared;
  if (address % 1024 != 0) ++machine.faults;
  return address >> 4 | uint64_t{1} << 16 | uint64_t{1024 >> 4} << 32 | uint64_t{1} << 62;
}
inline uint64_t described_at(uint64_t descriptor, int bytes) {
  if (bytes % 16 != 0) ++machine.faults;
  return descriptor + (bytes >> 4);
}

// Element k of row n of what a descriptor with a swizzle of 128 bytes describes.
template <typename T>
float described(uint64_t descriptor, int n, int k) {
  const uint64_t start = (descriptor & 0x3fff) << 4, eight_rows = (descriptor >> 32 & 0x3fff) << 4;
  if (descriptor >> 62 != 1 || (descriptor >> 49 & 7) != 0) ++machine.faults;
  uint64_t address = start + n / 8 * eight_rows + n % 8 * 128 + k * sizeof(T);
  address ^= (address >> 7 & 7) << 4;
  if (machine.unseen[address / 16]) ++machine.faults;
  T value;
  std::memcpy(&value, machine.dynamic_shared + address, sizeof(T));
  return static_cast<float>(value);
}

template <typename T>
void multiply_described(const Product& p, float (&out)[8][4]) {
  for (int n = 0; n < 8; ++n) {
    for (int i = 0; i < 4; ++i) {
      float total = 0.0f;
      for (int k = 0; k < 16; ++k) total += p.a[i / 2][k] * described<T>(p.b, n * 8 + lane() % 4 * 2 + i % 2, k);
      out[n][i] = total;
    }
  }
}

inline void show_to_tensor_cores() {
  for (int unit : machine.unseen_of[machine.current]) machine.unseen[unit] = false;
  machine.unseen_of[machine.current].clear();
}
inline void begin_products() { products_begun[machine.current] = true; }
inline void commit_products() {
  auto& open = open_products[machine.current];
  auto& committed = committed_products[machine.current];
  committed.insert(committed.end(), open.begin(), open.end());
  open.clear();
}

inline std::function<void(const Product&, float (&)[8][4])> multiply_again;

inline void await_products(float (&c)[8][4]) {
  auto& committed = committed_products[machine.current];
  for (const Product& p : committed) {
    float part[8][4];
    multiply_again(p, part);
    if (std::memcmp(part, p.found, sizeof(part)) != 0 || p.c != c) ++machine.faults;
    for (int n = 0; n < 8; ++n) {
      for (int i = 0; i < 4; ++i) p.c[n][i] = p.accumulate ? p.c[n][i] + part[n][i] : part[n][i];
    }
  }
  if (!open_products[machine.current].empty()) ++machine.faults;
  committed.clear();
  products_begun[machine.current] = false;
}

template <typename T, bool Accumulate>
void start_product(float (&c)[8][4], const uint32_t (&a)[4], uint64_t b) {
  if (!products_begun[machine.current]) ++machine.faults;
  const Words mine{{a[0], a[1], a[2], a[3]}};
  Product p = exchange(mine, [&](const auto& at) {
    Product out{c, Accumulate, b, {}, {}};
    for (int h = 0; h < 2; ++h) {
      for (int k = 0; k < 16; ++k) {
        out.a[h][k] = half_of<T>(at(lane() / 4 * 4 + k % 8 / 2).w[h + k / 8 * 2], k % 2);
      }
    }
    return out;
  });
  multiply_again = multiply_described<T>;
  multiply_described<T>(p, p.found);
  open_products[machine.current].push_back(p);
  std::memset(c, 0xff, sizeof(c));
}

}  // namespace masga::cuda
