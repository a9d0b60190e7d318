// AVX-512: eight numbers a register, tables of 64 entries inside registers (vpermi2w), six steps a
// lookup, three lookups a block, as lazy_radix.h says. Survivors are packed together, so that no
// lane idles: by a permutation that a table has for each mask, since vpcompressq is two operations.
// Two ways to multiply: vpmullq (one operation on AMD's), and IFMA, whose 52-bit products want the
// lower half to have 41 bits. The faster one is found by measuring.
//
// The a's of a leaf that lie 64 apart take the same six steps behind the sieve's. Those are stepped
// once for all of them, so that the first block has two lookups left.
//
// Loops keep what they change in local variables (Hot): a vector's store may alias any member,
// which would then be written before it and read again behind it.
//
// The instructions are asked for function by function, not by flags for the file: flags would also
// hold for the inline functions of headers, of which the linker keeps one copy for all processors.
#include "compute/collatz/finish.h"
#include "compute/collatz/kernel.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define KITH_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512ifma,popcnt")))
#define KITH_AVX512_INLINE KITH_AVX512 __attribute__((always_inline)) inline

namespace kith::compute::collatz {
namespace {

constexpr std::size_t buffer_size = 1536;
/// Most passes over a full buffer leave fewer, so that one is enough.
constexpr std::size_t drained_to = 1024;
constexpr unsigned passes_max = 200;
constexpr unsigned table_bits = 6;
constexpr unsigned stride = 1u << table_bits;
constexpr unsigned lanes = 8;
constexpr unsigned nine = 9;
constexpr unsigned row = lanes * nine;  // numbers: 40 candidates, which are five registers
constexpr std::size_t row_vectors = 5;
/// A short row of strides costs as much as a whole one; for fewer numbers, whole blocks are
/// cheaper.
constexpr unsigned short_row_least = 56;

struct Tables {
  __m512i factor_low, factor_high, addend_low, addend_high;
  __mmask32 lowest_words;  // of every lane
};

KITH_AVX512_INLINE __m512i all(std::uint64_t value) {
  return _mm512_set1_epi64(static_cast<long long>(value));
}

/// A mask that the compiler does not know: it would turn masks it knows, and their complements,
/// into vector operations of their own.
template <class Mask>
KITH_AVX512_INLINE Mask opaque(Mask mask) {
  asm("" : "+k"(mask));
  return mask;
}

/// The 16-bit entry that the low six bits of each 64-bit lane name.
KITH_AVX512_INLINE __m512i factor_of(const Tables& t, __m512i index) {
  return _mm512_maskz_permutex2var_epi16(t.lowest_words, t.factor_low, index, t.factor_high);
}
KITH_AVX512_INLINE __m512i addend_of(const Tables& t, __m512i index) {
  return _mm512_maskz_permutex2var_epi16(t.lowest_words, t.addend_low, index, t.addend_high);
}

// Each way has a block of 18 steps, or the last 12 of one, of `count` registers. For 12, lower
// halves may be up to 3 * 2^low_bits: they grow by 1.5^12 < 130 instead of 1.5^18 < 1500.

/// Lower half of 53 bits, 64-bit products.
struct ByMul {
  static constexpr unsigned low_bits = 53;
  static constexpr std::string_view name = "avx512-mul";

  template <unsigned steps, std::size_t count>
  KITH_AVX512_INLINE static void block(const Tables& t, __m512i* low, __m512i* high) {
    __m512i power[count];
    for (unsigned turn = 0; turn < steps / table_bits; ++turn) {
      for (std::size_t i = 0; i < count; ++i) {
        const __m512i factor = factor_of(t, low[i]);
        const __m512i addend = addend_of(t, low[i]);
        low[i] = _mm512_add_epi64(_mm512_mullo_epi64(_mm512_srli_epi64(low[i], table_bits), factor),
                                  addend);
        power[i] = turn == 0 ? factor : _mm512_mul_epu32(power[i], factor);
      }
    }
    constexpr unsigned shift = low_bits - steps;
    for (std::size_t i = 0; i < count; ++i) {
      const __m512i product = _mm512_mullo_epi64(high[i], power[i]);
      high[i] =
          _mm512_srli_epi64(_mm512_add_epi64(product, _mm512_srli_epi64(low[i], shift)), steps);
      low[i] = _mm512_and_si512(_mm512_add_epi64(low[i], _mm512_slli_epi64(product, shift)),
                                all((std::uint64_t{1} << low_bits) - 1));
    }
  }
};

/// Lower half of 41 bits, which stays below 2^52 for 18 steps, and products of 52 bits.
struct ByIfma {
  static constexpr unsigned low_bits = 41;
  static constexpr std::string_view name = "avx512-ifma";

  template <unsigned steps, std::size_t count>
  KITH_AVX512_INLINE static void block(const Tables& t, __m512i* low, __m512i* high) {
    __m512i power[count];
    for (unsigned turn = 0; turn < steps / table_bits; ++turn) {
      for (std::size_t i = 0; i < count; ++i) {
        const __m512i factor = factor_of(t, low[i]);
        const __m512i addend = addend_of(t, low[i]);
        low[i] = _mm512_madd52lo_epu64(addend, _mm512_srli_epi64(low[i], table_bits), factor);
        power[i] = turn == 0 ? factor : _mm512_mul_epu32(power[i], factor);
      }
    }
    constexpr unsigned shift = low_bits - steps;
    for (std::size_t i = 0; i < count; ++i) {
      // high * power + (low >> shift), whose parts are of 52 bits with a carry, and above.
      const __m512i part =
          _mm512_madd52lo_epu64(_mm512_srli_epi64(low[i], shift), high[i], power[i]);
      const __m512i upper = _mm512_madd52hi_epu64(_mm512_setzero_si512(), high[i], power[i]);
      const __m512i kept = _mm512_and_si512(low[i], all((std::uint64_t{1} << shift) - 1));
      low[i] = _mm512_and_si512(_mm512_or_si512(kept, _mm512_slli_epi64(part, shift)),
                                all((std::uint64_t{1} << low_bits) - 1));
      high[i] =
          _mm512_add_epi64(_mm512_srli_epi64(part, steps), _mm512_slli_epi64(upper, 52 - steps));
    }
  }
};

/// By mask: the lanes that it has, the lowest first. As a byte each they would have to be widened.
struct alignas(64) PackOrder {
  std::array<std::uint64_t, lanes> lane{};
};
constexpr auto pack_orders = [] {
  std::array<PackOrder, 256> orders{};
  for (unsigned live = 0; live < orders.size(); ++live) {
    unsigned kept = 0;
    for (unsigned lane = 0; lane < lanes; ++lane) {
      if ((live >> lane & 1) != 0) orders[live].lane[kept++] = lane;
    }
  }
  return orders;
}();

/// What a loop over blocks has in registers.
struct Hot {
  Tables tables;
  __m512i threshold_low, threshold_high;
  __m512i sums, high_sums;  // of what stopped
  std::size_t count;        // of what is kept
};

/// The candidates of 72 numbers that lie a power of three apart, the first of them taken as 0.
struct Row {
  __m512i low[row_vectors], high[row_vectors];
};
using RowMasks = std::array<__mmask8, row_vectors>;

/// `is_aligned`: the threshold is a multiple of 2^low_bits, so that upper halves alone decide.
template <class Way, bool is_aligned>
class SliceRun {
 public:
  KITH_AVX512 explicit SliceRun(const Plan& plan) : plan_(plan), finisher_(plan) {
    alignas(64) std::array<std::uint16_t, stride> factor;
    alignas(64) std::array<std::uint16_t, stride> addend;
    const auto table = make_step_table<table_bits>(plan.unit().map);
    for (std::size_t i = 0; i < factor.size(); ++i) {
      const TableEntry& entry = table.entries[i];
      factor[i] = static_cast<std::uint16_t>(entry.factor);
      addend[i] = static_cast<std::uint16_t>(entry.addend);
      jumps_[i] = {entry, 0};
      while (power3(jumps_[i].odd_steps) < entry.factor) ++jumps_[i].odd_steps;
    }
    tables_ = {_mm512_load_si512(factor.data()), _mm512_load_si512(factor.data() + 32),
               _mm512_load_si512(addend.data()), _mm512_load_si512(addend.data() + 32),
               opaque<__mmask32>(0x11111111)};
    threshold_low_ = all(low_of(plan.threshold()));
    threshold_high_ = all(high_of(plan.threshold()));
    sums_ = high_sums_ = _mm512_setzero_si512();
    make_rows();
    make_multiples();
  }

  KITH_AVX512 SliceResult run(std::uint32_t slice) {
    const bool is_wide = plan_.threshold() > escape_at;
    LeafWalk walk(plan_, slice);
    for (auto leaves = walk.next(); !leaves.empty(); leaves = walk.next()) {
      for (const Leaf& leaf : leaves) {
        const auto first = is_wide ? std::nullopt : first_within(plan_, leaf, escape_bits);
        if (first) {
          run_strides(leaf, *first);
          run_rest(leaf, *first);
          result_.candidates += candidates_of(plan_, leaf);
        } else {
          finisher_.finish_leaf(leaf, result_);
        }
      }
    }
    drain(0);
    result_.stop_sum += static_cast<std::uint64_t>(_mm512_reduce_add_epi64(sums_));
    result_.stop_sum += static_cast<std::uint64_t>(_mm512_reduce_add_epi64(high_sums_))
                        << Way::low_bits;
    return result_;
  }

 private:
  static constexpr std::uint64_t mask = (std::uint64_t{1} << Way::low_bits) - 1;
  static constexpr unsigned high_bits_max = escape_bits - Way::low_bits;
  /// What of a higher half enters the sum.
  static constexpr std::uint64_t high_part = (std::uint64_t{1} << (stop_bits - Way::low_bits)) - 1;

  static std::uint64_t low_of(U128 n) { return static_cast<std::uint64_t>(n) & mask; }
  static std::uint64_t high_of(U128 n) { return static_cast<std::uint64_t>(n >> Way::low_bits); }

  /// How a leaf's a's are cut: whole rows of strides, perhaps a short one, and rows of what is
  /// left.
  void make_rows() {
    const std::uint64_t strides = plan_.unit().a_count / stride;
    stride_rows_ = strides / row;
    strided_ = stride_rows_ * row;
    if (strides - strided_ >= short_row_least) {
      stride_masks_ = make_masks(strides - strided_);
      strided_ = strides;
    }
    has_short_stride_ = strided_ > stride_rows_ * row;
    const std::uint64_t rest = plan_.unit().a_count - strided_ * stride;
    rest_rows_ = rest / row;
    has_short_rest_ = rest % row != 0;
    rest_masks_ = make_masks(rest % row);
    nine_of_a_ = static_cast<std::size_t>((U128{1} << plan_.unit().sieve_bits) % nine);
  }

  /// Which lanes a row of `count` numbers has, by pattern.
  std::array<RowMasks, nine> make_masks(std::uint64_t count) const {
    std::array<RowMasks, nine> masks{};
    for (std::size_t pattern = 0; pattern < nine; ++pattern) {
      for (std::size_t i = 0; i < row_vectors * lanes; ++i) {
        const unsigned lane = i % lanes;
        if (plan_.patterns()[pattern].offsets[i / lanes] + nine * lane >= count) continue;
        masks[pattern][i / lanes] |= static_cast<__mmask8>(1u << lane);
      }
    }
    return masks;
  }

  /// Those that do not fit 64 bits belong to leaves that do not come here.
  void make_multiples() {
    for (unsigned power = 0; power < multiples_.size(); ++power) {
      Multiples& multiples = multiples_[power];
      for (unsigned i = 0; i < lanes; ++i) {
        multiples.lanes_low[i] = low_of(nine * i * power3(power));
        multiples.lanes_high[i] = high_of(nine * i * power3(power));
      }
      for (unsigned i = 0; i < nine; ++i) {
        multiples.low[i] = low_of(i * power3(power));
        multiples.high[i] = high_of(i * power3(power));
      }
    }
  }

  KITH_AVX512_INLINE Hot begin() const {
    return {tables_, threshold_low_, threshold_high_, sums_, high_sums_, count_};
  }
  KITH_AVX512_INLINE void end(const Hot& hot) {
    sums_ = hot.sums;
    high_sums_ = hot.high_sums;
    count_ = hot.count;
  }
  KITH_AVX512_INLINE void make_room(Hot& hot) {
    if (hot.count + row <= buffer_size) [[likely]]
      return;
    end(hot);
    drain(drained_to);
    hot = begin();
  }

  /// All a's with one value of a mod 64, which begin with the same six steps, and so on.
  KITH_AVX512 void run_strides(const Leaf& leaf, U128 first) {
    if (strided_ == 0) return;
    const U128 factor = power3(leaf.odd_steps);
    std::size_t pattern = plan_.pattern_of(leaf.b);
    Hot hot = begin();
    for (unsigned i = 0; i < stride; ++i) {
      const Jump& jump = jumps_[static_cast<std::size_t>(first) % stride];
      U128 at = (first >> table_bits) * jump.entry.factor + jump.entry.addend;
      const unsigned power = leaf.odd_steps + jump.odd_steps;
      const Row base = row_of(power, pattern);
      for (std::uint64_t n = 0; n < stride_rows_; ++n) {
        make_room(hot);
        take_row<check_steps - table_bits, false>(hot, base, at, {});
        at += row * power3(power);
      }
      if (has_short_stride_) {
        make_room(hot);
        take_row<check_steps - table_bits, true>(hot, base, at, stride_masks_[pattern]);
      }
      first += factor;
      pattern = (pattern + nine_of_a_) % nine;
    }
    end(hot);
  }

  /// The a's behind those of run_strides, one after the other.
  KITH_AVX512 void run_rest(const Leaf& leaf, U128 first) {
    const std::uint64_t begun = strided_ * stride;
    const std::size_t pattern = (plan_.pattern_of(leaf.b) + begun % nine * nine_of_a_) % nine;
    const Row base = row_of(leaf.odd_steps, pattern);
    first += begun * power3(leaf.odd_steps);
    Hot hot = begin();
    for (std::uint64_t n = 0; n < rest_rows_; ++n) {
      make_room(hot);
      take_row<check_steps, false>(hot, base, first, {});
      first += row * power3(leaf.odd_steps);
    }
    if (has_short_rest_) {
      make_room(hot);
      take_row<check_steps, true>(hot, base, first, rest_masks_[pattern]);
    }
    end(hot);
  }

  KITH_AVX512_INLINE Row row_of(unsigned power, std::size_t pattern) const {
    const Multiples& multiples = multiples_[power];
    const auto& offsets = plan_.patterns()[pattern].offsets;
    Row base;
    for (std::size_t i = 0; i < row_vectors; ++i) {
      base.low[i] = _mm512_add_epi64(_mm512_load_si512(multiples.lanes_low.data()),
                                     all(multiples.low[offsets[i]]));
      base.high[i] = _mm512_add_epi64(_mm512_load_si512(multiples.lanes_high.data()),
                                      all(multiples.high[offsets[i]]));
    }
    return base;
  }

  template <unsigned steps, bool is_short>
  KITH_AVX512_INLINE void take_row(Hot& hot, const Row& base, U128 first, const RowMasks& masks) {
    __m512i low[row_vectors];
    __m512i high[row_vectors];
    const __m512i first_low = all(low_of(first));
    const __m512i first_high = all(high_of(first));
    for (std::size_t i = 0; i < row_vectors; ++i) {
      low[i] = _mm512_add_epi64(base.low[i], first_low);
      high[i] = _mm512_add_epi64(base.high[i], first_high);
      if constexpr (is_short) {
        low[i] = _mm512_maskz_mov_epi64(masks[i], low[i]);
        high[i] = _mm512_maskz_mov_epi64(masks[i], high[i]);
      }
      if constexpr (steps == check_steps) {
        high[i] = _mm512_add_epi64(high[i], _mm512_srli_epi64(low[i], Way::low_bits));
        low[i] = _mm512_and_si512(low[i], all(mask));
      }
    }
    take<steps, row_vectors>(hot, low, high);
  }

  /// The rest of a block; what lives is put behind what is kept. Lanes of 0 are no numbers: they
  /// stay 0, stop, and add nothing.
  template <unsigned steps, std::size_t count>
  KITH_AVX512_INLINE void take(Hot& hot, __m512i* low, __m512i* high) {
    Way::template block<steps, count>(hot.tables, low, high);
    __m512i highest = high[0];
    for (std::size_t i = 1; i < count; ++i) highest = _mm512_or_si512(highest, high[i]);
    if (_mm512_cmpge_epu64_mask(highest, all(std::uint64_t{1} << high_bits_max)) != 0)
        [[unlikely]] {
      let_escape<count>(low, high);
    }
    for (std::size_t i = 0; i < count; ++i) {
      __mmask8 live = _mm512_cmpge_epu64_mask(high[i], hot.threshold_high);
      if constexpr (!is_aligned) {
        const __mmask8 equal = _mm512_cmpeq_epi64_mask(high[i], hot.threshold_high);
        const __mmask8 below = _mm512_cmplt_epu64_mask(low[i], hot.threshold_low);
        live = static_cast<__mmask8>(live & ~(equal & below));
      }
      live = opaque(live);
      const auto stopped = static_cast<__mmask8>(~live);
      hot.sums = _mm512_mask_add_epi64(hot.sums, stopped, hot.sums, low[i]);
      if constexpr (high_part != 0) {
        hot.high_sums = _mm512_add_epi64(hot.high_sums,
                                         _mm512_maskz_and_epi64(stopped, high[i], all(high_part)));
      }
      const __m512i order = _mm512_load_si512(pack_orders[live].lane.data());
      _mm512_storeu_si512(low_.data() + hot.count, _mm512_permutexvar_epi64(order, low[i]));
      _mm512_storeu_si512(high_.data() + hot.count, _mm512_permutexvar_epi64(order, high[i]));
      hot.count += static_cast<std::size_t>(__builtin_popcount(live));
    }
  }

  /// By way of memory, and of copies, so that the registers need no address elsewhere.
  template <std::size_t count>
  KITH_AVX512_INLINE void let_escape(__m512i* low, __m512i* high) {
    alignas(64) std::array<std::uint64_t, lanes * count> l;
    alignas(64) std::array<std::uint64_t, lanes * count> h;
    for (std::size_t i = 0; i < count; ++i) {
      _mm512_store_si512(l.data() + lanes * i, low[i]);
      _mm512_store_si512(h.data() + lanes * i, high[i]);
    }
    finish_escaped(l, h);
    for (std::size_t i = 0; i < count; ++i) {
      low[i] = _mm512_load_si512(l.data() + lanes * i);
      high[i] = _mm512_load_si512(h.data() + lanes * i);
    }
  }

  __attribute__((noinline)) void finish_escaped(std::span<std::uint64_t> low,
                                                std::span<std::uint64_t> high) {
    for (std::size_t i = 0; i < low.size(); ++i) {
      if (high[i] >> high_bits_max == 0) continue;
      finisher_.finish_escaped((U128{high[i]} << Way::low_bits) + low[i], result_);
      low[i] = high[i] = 0;
    }
  }

  KITH_AVX512 __attribute__((noinline)) void drain(std::size_t keep) {
    for (unsigned pass = 0; count_ > keep; ++pass) {
      if (pass == passes_max) return finish_rest();
      if (count_ < group) pad();
      step_all();
    }
  }

  /// A block of all that is kept. What does not fill a group waits for the next time.
  KITH_AVX512_INLINE void step_all() {
    Hot hot = begin();
    const std::size_t whole = count_ / group * group;
    const std::size_t rest = count_ - whole;
    hot.count = 0;
    for (std::size_t i = 0; i < whole; i += group) {
      __m512i low[group_vectors];
      __m512i high[group_vectors];
      for (std::size_t j = 0; j < group_vectors; ++j) {
        low[j] = _mm512_load_si512(low_.data() + i + lanes * j);
        high[j] = _mm512_load_si512(high_.data() + i + lanes * j);
      }
      take<check_steps, group_vectors>(hot, low, high);
    }
    for (std::size_t i = 0; i < rest; i += lanes) {
      const __m512i low = _mm512_load_si512(low_.data() + whole + i);
      const __m512i high = _mm512_load_si512(high_.data() + whole + i);
      _mm512_storeu_si512(low_.data() + hot.count + i, low);
      _mm512_storeu_si512(high_.data() + hot.count + i, high);
    }
    hot.count += rest;
    end(hot);
  }

  KITH_AVX512 void pad() {
    for (std::size_t i = 0; i < group; i += lanes) {
      _mm512_storeu_si512(low_.data() + count_ + i, _mm512_setzero_si512());
      _mm512_storeu_si512(high_.data() + count_ + i, _mm512_setzero_si512());
    }
    count_ = group;
  }

  void finish_rest() {
    for (std::size_t i = 0; i < count_; ++i) {
      finisher_.finish((U128{high_[i]} << Way::low_bits) + low_[i], result_);
    }
    count_ = 0;
  }

  static constexpr std::size_t group_vectors = 5;
  static constexpr std::size_t group = group_vectors * lanes;

  /// Six steps at once, and how many of them are odd.
  struct Jump {
    TableEntry entry;
    unsigned odd_steps = 0;
  };
  /// Of a power of three: by 0, 9, .. 63, lane by lane, and by 0 to 8; in halves.
  struct Multiples {
    alignas(64) std::array<std::uint64_t, lanes> lanes_low, lanes_high;
    std::array<std::uint64_t, nine> low, high;
  };

  Tables tables_;
  __m512i threshold_low_;
  __m512i threshold_high_;
  __m512i sums_;       // of lower halves
  __m512i high_sums_;  // of the parts of higher ones that enter the sum
  // Room for what is stored as a whole vector behind the last.
  alignas(64) std::array<std::uint64_t, buffer_size + 64> low_;
  alignas(64) std::array<std::uint64_t, buffer_size + 64> high_;
  std::size_t count_ = 0;
  std::array<Multiples, Unit::sieve_bits_max + table_bits + 1> multiples_;
  std::array<Jump, stride> jumps_{};

  const Plan& plan_;
  Finisher finisher_;
  SliceResult result_;

  std::uint64_t stride_rows_ = 0;
  std::uint64_t strided_ = 0;  // numbers of each stride that run_strides takes
  bool has_short_stride_ = false;
  std::array<RowMasks, nine> stride_masks_{};
  std::uint64_t rest_rows_ = 0;
  bool has_short_rest_ = false;
  std::array<RowMasks, nine> rest_masks_{};
  std::size_t nine_of_a_ = 0;  // 2^K mod 9: 64 of it are as much
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
         __builtin_cpu_supports("avx512ifma") && __builtin_cpu_supports("popcnt");
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
