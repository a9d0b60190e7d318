// AVX-512: eight numbers a register, tables of 64 entries inside registers (vpermi2w), six steps a
// lookup, three lookups a block, as lazy_radix.h says. Survivors are packed together (vpcompressq),
// so that no lane idles. Two ways to multiply: vpmullq (one operation on AMD's), and IFMA, whose
// 52-bit products want the lower half to have 41 bits. The faster one is found by measuring.
//
// The instructions are asked for function by function, not by flags for the file: flags would also
// hold for the inline functions of headers, of which the linker keeps one copy for all processors.
#include "compute/collatz/finish.h"
#include "compute/collatz/kernel.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define KITH_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512ifma")))
#define KITH_AVX512_INLINE KITH_AVX512 __attribute__((always_inline)) static inline

namespace kith::compute::collatz {
namespace {

constexpr std::size_t buffer_size = 1536;
constexpr std::size_t drained_to = 128;
constexpr unsigned passes_max = 200;
constexpr unsigned table_bits = 6;
constexpr unsigned lanes = 8;
constexpr unsigned row = 72;  // a's: 40 candidates, which are five registers
constexpr std::size_t row_vectors = 5;

struct Tables {
  __m512i factor_low, factor_high, addend_low, addend_high;
};

KITH_AVX512_INLINE __m512i all(std::uint64_t value) {
  return _mm512_set1_epi64(static_cast<long long>(value));
}

/// The 16-bit entry that the low six bits of each 64-bit lane name.
KITH_AVX512_INLINE __m512i look_up(__m512i table_low, __m512i index, __m512i table_high) {
  return _mm512_maskz_permutex2var_epi16(0x11111111, table_low, index, table_high);
}

/// Lower half of 53 bits, 64-bit products.
struct ByMul {
  static constexpr unsigned low_bits = 53;
  static constexpr std::string_view name = "avx512-mul";

  template <std::size_t count>
  KITH_AVX512_INLINE void block(const Tables& t, __m512i* low, __m512i* high) {
    __m512i power[count];
    for (unsigned turn = 0; turn < check_steps / table_bits; ++turn) {
      for (std::size_t i = 0; i < count; ++i) {
        const __m512i factor = look_up(t.factor_low, low[i], t.factor_high);
        const __m512i addend = look_up(t.addend_low, low[i], t.addend_high);
        low[i] = _mm512_add_epi64(_mm512_mullo_epi64(_mm512_srli_epi64(low[i], table_bits), factor),
                                  addend);
        power[i] = turn == 0 ? factor : _mm512_mul_epu32(power[i], factor);
      }
    }
    constexpr unsigned shift = low_bits - check_steps;
    for (std::size_t i = 0; i < count; ++i) {
      const __m512i product = _mm512_mullo_epi64(high[i], power[i]);
      high[i] = _mm512_srli_epi64(_mm512_add_epi64(product, _mm512_srli_epi64(low[i], shift)),
                                  check_steps);
      low[i] = _mm512_and_si512(_mm512_add_epi64(low[i], _mm512_slli_epi64(product, shift)),
                                all((std::uint64_t{1} << low_bits) - 1));
    }
  }
  KITH_AVX512_INLINE __m512i stopped(__m512i low, __m512i) { return low; }
};

/// Lower half of 41 bits, which stays below 2^52 for 18 steps, and products of 52 bits.
struct ByIfma {
  static constexpr unsigned low_bits = 41;
  static constexpr std::string_view name = "avx512-ifma";

  template <std::size_t count>
  KITH_AVX512_INLINE void block(const Tables& t, __m512i* low, __m512i* high) {
    __m512i power[count];
    for (unsigned turn = 0; turn < check_steps / table_bits; ++turn) {
      for (std::size_t i = 0; i < count; ++i) {
        const __m512i factor = look_up(t.factor_low, low[i], t.factor_high);
        const __m512i addend = look_up(t.addend_low, low[i], t.addend_high);
        low[i] = _mm512_madd52lo_epu64(addend, _mm512_srli_epi64(low[i], table_bits), factor);
        power[i] = turn == 0 ? factor : _mm512_mul_epu32(power[i], factor);
      }
    }
    constexpr unsigned shift = low_bits - check_steps;
    for (std::size_t i = 0; i < count; ++i) {
      // high * power + (low >> shift), whose parts are of 52 bits with a carry, and above.
      const __m512i part =
          _mm512_madd52lo_epu64(_mm512_srli_epi64(low[i], shift), high[i], power[i]);
      const __m512i upper = _mm512_madd52hi_epu64(_mm512_setzero_si512(), high[i], power[i]);
      const __m512i kept = _mm512_and_si512(low[i], all((std::uint64_t{1} << shift) - 1));
      low[i] = _mm512_and_si512(_mm512_or_si512(kept, _mm512_slli_epi64(part, shift)),
                                all((std::uint64_t{1} << low_bits) - 1));
      high[i] = _mm512_add_epi64(_mm512_srli_epi64(part, check_steps),
                                 _mm512_slli_epi64(upper, 52 - check_steps));
    }
  }
  KITH_AVX512_INLINE __m512i stopped(__m512i low, __m512i high) {
    return _mm512_and_si512(_mm512_or_si512(low, _mm512_slli_epi64(high, low_bits)),
                            all((std::uint64_t{1} << stop_bits) - 1));
  }
};

/// `is_aligned`: the threshold is a multiple of 2^low_bits, so that upper halves alone decide.
template <class Way, bool is_aligned>
class SliceRun {
 public:
  KITH_AVX512 explicit SliceRun(const Plan& plan) : plan_(plan), finisher_(plan) {
    alignas(64) std::array<std::uint16_t, 64> factor;
    alignas(64) std::array<std::uint16_t, 64> addend;
    const auto table = make_step_table<table_bits>(plan.unit().map);
    for (std::size_t i = 0; i < factor.size(); ++i) {
      factor[i] = static_cast<std::uint16_t>(table.entries[i].factor);
      addend[i] = static_cast<std::uint16_t>(table.entries[i].addend);
    }
    tables_ = {_mm512_load_si512(factor.data()), _mm512_load_si512(factor.data() + 32),
               _mm512_load_si512(addend.data()), _mm512_load_si512(addend.data() + 32)};
    threshold_low_ = all(low_of(plan.threshold()));
    threshold_high_ = all(high_of(plan.threshold()));
    sums_ = _mm512_setzero_si512();
    make_rows();
  }

  KITH_AVX512 SliceResult run(std::uint32_t slice) {
    const bool is_wide = plan_.threshold() > escape_at;
    LeafWalk walk(plan_, slice);
    for (auto leaves = walk.next(); !leaves.empty(); leaves = walk.next()) {
      for (const Leaf& leaf : leaves) {
        const auto first = is_wide ? std::nullopt : first_within(plan_, leaf, escape_bits);
        if (first) {
          run_leaf(leaf, *first);
        } else {
          finisher_.finish_leaf(leaf, result_);
        }
      }
    }
    drain(0);
    result_.stop_sum += static_cast<std::uint64_t>(_mm512_reduce_add_epi64(sums_));
    return result_;
  }

 private:
  static constexpr std::uint64_t mask = (std::uint64_t{1} << Way::low_bits) - 1;
  static constexpr unsigned high_bits_max = escape_bits - Way::low_bits;

  static std::uint64_t low_of(U128 n) { return static_cast<std::uint64_t>(n) & mask; }
  static std::uint64_t high_of(U128 n) { return static_cast<std::uint64_t>(n >> Way::low_bits); }

  /// Offsets of the 40 candidates of a row, and which of them the last, short row has.
  void make_rows() {
    const std::uint64_t rest = plan_.unit().a_count % row;
    for (std::size_t pattern = 0; pattern < rows_.size(); ++pattern) {
      Row& r = rows_[pattern];
      for (std::size_t i = 0; i < r.offsets.size(); ++i) {
        r.offsets[i] = 9 * (i / row_vectors) + plan_.patterns()[pattern].offsets[i % row_vectors];
        if (r.offsets[i] < rest) {
          r.last[i / lanes] |= static_cast<std::uint8_t>(1u << (i % lanes));
        }
      }
    }
  }

  KITH_AVX512 void run_leaf(const Leaf& leaf, U128 first) {
    const Row& r = rows_[plan_.pattern_of(leaf.b)];
    const U128 factor = power3(leaf.odd_steps);
    const __m512i low_mask = all(mask);
    __m512i low[row_vectors];
    __m512i high[row_vectors];
    for (std::size_t i = 0; i < row_vectors; ++i) {
      const __m512i offset = _mm512_load_si512(r.offsets.data() + lanes * i);
      low[i] =
          _mm512_add_epi64(all(low_of(first)), _mm512_mullo_epi64(offset, all(low_of(factor))));
      high[i] =
          _mm512_add_epi64(all(high_of(first)), _mm512_mullo_epi64(offset, all(high_of(factor))));
      high[i] = _mm512_add_epi64(high[i], _mm512_srli_epi64(low[i], Way::low_bits));
      low[i] = _mm512_and_si512(low[i], low_mask);
    }
    const __m512i step_low = all(low_of(row * factor));
    const __m512i step_high = all(high_of(row * factor));
    const std::uint64_t rows = plan_.unit().a_count / row;
    for (std::uint64_t n = 0; n < rows; ++n) {
      if (count_ + row > buffer_size) drain(drained_to);
      __m512i l[row_vectors];
      __m512i h[row_vectors];
      for (std::size_t i = 0; i < row_vectors; ++i) {
        l[i] = low[i];
        h[i] = high[i];
        low[i] = _mm512_add_epi64(low[i], step_low);
        high[i] = _mm512_add_epi64(_mm512_add_epi64(high[i], step_high),
                                   _mm512_srli_epi64(low[i], Way::low_bits));
        low[i] = _mm512_and_si512(low[i], low_mask);
      }
      count_ = take<row_vectors>(l, h, count_);
    }
    if (plan_.unit().a_count % row != 0) {
      if (count_ + row > buffer_size) drain(drained_to);
      for (std::size_t i = 0; i < row_vectors; ++i) {
        low[i] = _mm512_maskz_mov_epi64(r.last[i], low[i]);
        high[i] = _mm512_maskz_mov_epi64(r.last[i], high[i]);
      }
      count_ = take<row_vectors>(low, high, count_);
    }
    result_.candidates += candidates_of(plan_, leaf);
  }

  /// A block; what lives is stored from `at` on. Gives the end of it. Lanes of 0 are no numbers:
  /// they stay 0, stop, and add nothing.
  template <std::size_t count>
  KITH_AVX512 __attribute__((always_inline)) inline std::size_t take(__m512i* low, __m512i* high,
                                                                     std::size_t at) {
    Way::template block<count>(tables_, low, high);
    __m512i highest = high[0];
    for (std::size_t i = 1; i < count; ++i) highest = _mm512_or_si512(highest, high[i]);
    if (_mm512_cmpge_epu64_mask(highest, all(std::uint64_t{1} << high_bits_max)) != 0)
        [[unlikely]] {
      for (std::size_t i = 0; i < count; ++i) let_escape(low[i], high[i]);
    }
    for (std::size_t i = 0; i < count; ++i) {
      __mmask8 live = _mm512_cmpge_epu64_mask(high[i], threshold_high_);
      if constexpr (!is_aligned) {
        const __mmask8 equal = _mm512_cmpeq_epi64_mask(high[i], threshold_high_);
        const __mmask8 below = _mm512_cmplt_epu64_mask(low[i], threshold_low_);
        live = static_cast<__mmask8>(live & ~(equal & below));
      }
      sums_ = _mm512_mask_add_epi64(sums_, static_cast<__mmask8>(~live), sums_,
                                    Way::stopped(low[i], high[i]));
      _mm512_storeu_si512(low_.data() + at, _mm512_maskz_compress_epi64(live, low[i]));
      _mm512_storeu_si512(high_.data() + at, _mm512_maskz_compress_epi64(live, high[i]));
      at += static_cast<std::size_t>(__builtin_popcount(live));
    }
    return at;
  }

  KITH_AVX512 __attribute__((noinline)) void let_escape(__m512i& low, __m512i& high) {
    alignas(64) std::array<std::uint64_t, lanes> l;
    alignas(64) std::array<std::uint64_t, lanes> h;
    _mm512_store_si512(l.data(), low);
    _mm512_store_si512(h.data(), high);
    for (std::size_t i = 0; i < lanes; ++i) {
      if (h[i] >> high_bits_max == 0) continue;
      finisher_.finish_escaped((U128{h[i]} << Way::low_bits) + l[i], result_);
      l[i] = h[i] = 0;
    }
    low = _mm512_load_si512(l.data());
    high = _mm512_load_si512(h.data());
  }

  KITH_AVX512 __attribute__((noinline)) void drain(std::size_t keep) {
    constexpr std::size_t width = 4;
    for (unsigned pass = 0; count_ > keep; ++pass) {
      if (pass == passes_max) return finish_rest();
      const std::size_t old_count = count_;
      for (std::size_t i = 0; i < width; ++i) {
        _mm512_storeu_si512(low_.data() + old_count + lanes * i, _mm512_setzero_si512());
        _mm512_storeu_si512(high_.data() + old_count + lanes * i, _mm512_setzero_si512());
      }
      std::size_t at = 0;
      for (std::size_t i = 0; i < old_count; i += width * lanes) {
        __m512i l[width];
        __m512i h[width];
        for (std::size_t j = 0; j < width; ++j) {
          l[j] = _mm512_load_si512(low_.data() + i + lanes * j);
          h[j] = _mm512_load_si512(high_.data() + i + lanes * j);
        }
        at = take<width>(l, h, at);
      }
      count_ = at;
    }
  }

  void finish_rest() {
    for (std::size_t i = 0; i < count_; ++i) {
      finisher_.finish((U128{high_[i]} << Way::low_bits) + low_[i], result_);
    }
    count_ = 0;
  }

  struct Row {
    alignas(64) std::array<std::uint64_t, lanes * row_vectors> offsets{};
    std::array<std::uint8_t, row_vectors> last{};
  };

  Tables tables_;
  __m512i threshold_low_;
  __m512i threshold_high_;
  __m512i sums_;
  // Room for what is stored as a whole vector behind the last.
  alignas(64) std::array<std::uint64_t, buffer_size + 64> low_;
  alignas(64) std::array<std::uint64_t, buffer_size + 64> high_;
  std::size_t count_ = 0;
  const Plan& plan_;
  Finisher finisher_;
  SliceResult result_;
  std::array<Row, 9> rows_{};
};

template <class Way>
class Avx512Kernel : public Kernel {
 public:
  std::string_view name() const override { return Way::name; }

  Result<void> run(const Plan& plan, std::uint32_t first, std::span<SliceResult> out) override {
    const bool is_aligned = (plan.threshold() & ((U128{1} << Way::low_bits) - 1)) == 0;
    for (SliceResult& result : out) {
      result =
          is_aligned ? SliceRun<Way, true>(plan).run(first) : SliceRun<Way, false>(plan).run(first);
      ++first;
    }
    return {};
  }
};

bool is_supported() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512ifma");
}

}  // namespace

std::unique_ptr<Kernel> make_avx512_ifma_kernel() {
  return is_supported() ? std::make_unique<Avx512Kernel<ByIfma>>() : nullptr;
}
std::unique_ptr<Kernel> make_avx512_mul_kernel() {
  return is_supported() ? std::make_unique<Avx512Kernel<ByMul>>() : nullptr;
}

}  // namespace kith::compute::collatz

#else

namespace kith::compute::collatz {

std::unique_ptr<Kernel> make_avx512_ifma_kernel() { return nullptr; }
std::unique_ptr<Kernel> make_avx512_mul_kernel() { return nullptr; }

}  // namespace kith::compute::collatz

#endif
