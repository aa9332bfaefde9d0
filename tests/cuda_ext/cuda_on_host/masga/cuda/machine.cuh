// The kernels' instructions on the host: a CUDA thread is a fiber, blocks run one after another.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>
#include <ucontext.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <type_traits>
#include <utility>
#include <vector>

#undef __launch_bounds__
#define __launch_bounds__(...)
#undef __shared__
#define __shared__ static  // one block at a time: a static is what its fibers share
#define MASGA_DYNAMIC_SHARED(name) unsigned char* name = masga::cuda::machine.dynamic_shared

inline uint32_t __float_as_uint(float value) {
  uint32_t out;
  std::memcpy(&out, &value, 4);
  return out;
}
inline float __uint_as_float(uint32_t bits) {
  float out;
  std::memcpy(&out, &bits, 4);
  return out;
}

namespace masga::cuda {

using std::isnan;
using std::max;
using std::min;

struct Barrier {
  int size = 0, arrived = 0, generation = 0;
};

// Sixteen bytes on their way to shared memory.
struct Copy {
  void* to;
  const void* from;
  bool inside;
};

constexpr int kShared = 160 * 1024;

struct Machine {
  alignas(1024) unsigned char dynamic_shared[kShared];
  // Copies of each thread by group, the last one open, and what it wrote that the tensor cores of Hopper do
  // not see yet, by sixteen bytes.
  std::vector<std::vector<Copy>> copies[1024];
  std::vector<int> unseen_of[1024];
  bool unseen[kShared / 16];
  std::vector<std::pair<const void*, const void*>> readable;  // what copies may read
  int faults = 0;  // of order and reach, not of numbers
  std::vector<ucontext_t> fibers;
  std::vector<std::vector<char>> stacks;
  std::vector<bool> finished;
  ucontext_t scheduler;
  int current = 0;
  Barrier block, warps[32];
  unsigned char slots[32][32][64];  // what lanes show each other
  std::function<void()> body;
};
inline Machine machine;

struct Index {
  unsigned x = 0, y = 0, z = 0;
};
inline Index block_index, block_size;
struct ThreadIndex {
  struct Current {
    operator unsigned() const { return static_cast<unsigned>(machine.current); }
  } x;
};
inline ThreadIndex thread_index;

inline void yield() { swapcontext(&machine.fibers[machine.current], &machine.scheduler); }

inline void arrive(Barrier& b) {
  const int generation = b.generation;
  if (++b.arrived == b.size) {
    b.arrived = 0;
    ++b.generation;
  }
  while (b.generation == generation) yield();
}

inline int lane() { return machine.current % 32; }
inline int warp() { return machine.current / 32; }

// Show `mine` to the warp, then compute from what all lanes show.
template <typename T, typename Use>
auto exchange(const T& mine, const Use& use) {
  static_assert(sizeof(T) <= 64);
  std::memcpy(machine.slots[warp()][lane()], &mine, sizeof(T));
  arrive(machine.warps[warp()]);
  const auto result = use([](int other) {
    T value;
    std::memcpy(&value, machine.slots[warp()][other], sizeof(T));
    return value;
  });
  arrive(machine.warps[warp()]);
  return result;
}

inline void sync_block() { arrive(machine.block); }

template <typename T>
T shuffle_xor(T value, int distance) {
  return exchange(value, [&](const auto& at) { return at(lane() ^ distance); });
}

inline bool any_lane(bool here) {
  return exchange(here, [](const auto& at) {
    bool any = false;
    for (int other = 0; other < 32; ++other) any |= at(other);
    return any;
  });
}
inline int same_in_warp(int value) {
  return exchange(value, [&](const auto& at) {
    for (int other = 0; other < 32; ++other) machine.faults += at(other) != value;
    return at(0);
  });
}
inline float power_of_two(float x) { return x < -126.0f ? 0.0f : exp2f(x); }
inline void forget(float&) {}

inline uint4 load_streaming(const uint4* p) { return *p; }

// A copy lands as late as it may, and what was there is gone as soon as it may be.
inline void copy16(void* to, const void* from, bool inside) {
  auto& groups = machine.copies[machine.current];
  if (groups.empty()) groups.emplace_back();
  if (inside) {
    const auto* const begin = static_cast<const unsigned char*>(from);
    const auto holds = [&](const auto& r) { return r.first <= begin && begin + 16 <= r.second; };
    machine.faults += std::none_of(machine.readable.begin(), machine.readable.end(), holds);
  }
  std::memset(to, 0xff, 16);
  groups.back().push_back({to, from, inside});
}
inline void commit_copies() {
  auto& groups = machine.copies[machine.current];
  if (groups.empty()) groups.emplace_back();
  groups.emplace_back();
}
template <int Pending>
void await_copies() {
  auto& groups = machine.copies[machine.current];
  while (groups.size() > Pending + 1) {
    for (const Copy& copy : groups.front()) {
      copy.inside ? (void)std::memcpy(copy.to, copy.from, 16) : (void)std::memset(copy.to, 0, 16);
      const auto unit = (static_cast<unsigned char*>(copy.to) - machine.dynamic_shared) / 16;
      machine.unseen[unit] = true;
      machine.unseen_of[machine.current].push_back(static_cast<int>(unit));
    }
    groups.erase(groups.begin());
  }
}

struct Words {
  uint32_t w[4];
};

// As the PTX manual lays out ldmatrix and mma.m16n8k16.
inline void load_matrices(uint32_t (&r)[4], const void* row) {
  const Words got = exchange(row, [&](const auto& at) {
    Words out;
    for (int m = 0; m < 4; ++m) {
      const auto* from = static_cast<const char*>(at(m * 8 + lane() / 4));
      std::memcpy(&out.w[m], from + lane() % 4 * 4, 4);
    }
    return out;
  });
  std::memcpy(r, got.w, sizeof(r));
}

template <typename T>
float half_of(uint32_t word, int high) {
  const uint16_t bits = static_cast<uint16_t>(word >> (16 * high));
  T value;
  std::memcpy(&value, &bits, 2);
  return static_cast<float>(value);
}

template <typename T>
void multiply(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  struct Fragments {
    uint32_t a[4], b[2];
  };
  const Fragments mine{{a[0], a[1], a[2], a[3]}, {b0, b1}};
  struct Four {
    float c[4];
  };
  const Four sums = exchange(mine, [&](const auto& at) {
    Four out;
    for (int i = 0; i < 4; ++i) {
      const int row = lane() / 4 + (i / 2) * 8, column = lane() % 4 * 2 + i % 2;
      float total = c[i];
      for (int k = 0; k < 16; ++k) {
        const Fragments from_row = at(row % 8 * 4 + k % 8 / 2), from_column = at(column * 4 + k % 8 / 2);
        total += half_of<T>(from_row.a[row / 8 + k / 8 * 2], k % 2) *
                 half_of<T>(from_column.b[k / 8], k % 2);
      }
      out.c[i] = total;
    }
    return out;
  });
  std::memcpy(c, sums.c, sizeof(c));
}

inline void fiber_main() {
  machine.body();
  machine.finished[machine.current] = true;
  yield();
}

// Run `body` as every thread of every block.
inline void launch(int64_t grid_x, int64_t grid_y, int threads, const std::function<void()>& body) {
  machine.body = body;
  block_size.x = threads;
  for (block_index.y = 0; block_index.y < grid_y; ++block_index.y) {
    for (block_index.x = 0; block_index.x < grid_x; ++block_index.x) {
      std::memset(machine.dynamic_shared, 0xff, sizeof(machine.dynamic_shared));
      std::fill(std::begin(machine.unseen), std::end(machine.unseen), false);
      for (int t = 0; t < threads; ++t) machine.copies[t].clear(), machine.unseen_of[t].clear();
      machine.block = {threads};
      for (Barrier& b : machine.warps) b = {32};
      machine.fibers.resize(threads);
      machine.stacks.resize(threads);
      machine.finished.assign(threads, false);
      for (int t = 0; t < threads; ++t) {
        machine.stacks[t].resize(128 * 1024);
        getcontext(&machine.fibers[t]);
        machine.fibers[t].uc_stack.ss_sp = machine.stacks[t].data();
        machine.fibers[t].uc_stack.ss_size = machine.stacks[t].size();
        makecontext(&machine.fibers[t], fiber_main, 0);
      }
      for (bool any = true; any;) {
        any = false;
        for (int t = 0; t < threads; ++t) {
          if (machine.finished[t]) continue;
          any = true;
          machine.current = t;
          swapcontext(&machine.scheduler, &machine.fibers[t]);
        }
      }
    }
  }
}

}  // namespace masga::cuda

#define threadIdx masga::cuda::thread_index
#define blockIdx masga::cuda::block_index
#define blockDim masga::cuda::block_size
