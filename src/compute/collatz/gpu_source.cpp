// The one body of all GPU kernels, in the words that CUDA C++ and OpenCL C share; what they do not
// is behind macros at its beginning. It is compiled at run time, for the device that is there.
//
// Steps of a batch, of which the second is nearly all of the work:
//   leaves        a thread a class of free bits: rule 1 of unit.h, and T^K of the first number
//   numbers       a lane walks a progression of candidates of a leaf, 18 steps a turn; where one
//                 stops, the next takes its place. What escapes is written down
//   wide_leaves   candidates of the few leaves that begin too wide for that are written down too
//   follow        what was written down, step by step in 128 bits, with its peak
//   peak3..peak0  the largest peak of a slice, a word at a time from the highest
//
// In `numbers`, N is three words. Its low 18 bits r give the factor F = 3^c and T^18(r), by two
// lookups of 9 bits in a table in shared memory, and N becomes (N >> 18) * F + T^18(r). Below 2^85
// that fits; from there to 2^88, where numbers escape, it is looked at before.
#include "compute/collatz/gpu_source.h"

#include "base/format.h"

namespace kith::compute::collatz {

namespace {

constexpr std::string_view kernels = R"KITH(
#ifdef __OPENCL_VERSION__
typedef uchar u8;
typedef uint u32;
typedef ulong u64;
#define ENTRY __kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void
#define FUNCTION static inline
#define GLOBAL __global
#define SHARED __local
#define RESTRICT restrict
#define BARRIER barrier(CLK_LOCAL_MEM_FENCE)
#define LANE ((u32)get_local_id(0))
#define GROUP_INDEX ((u32)get_group_id(0))
#define GROUPS ((u32)get_num_groups(0))
#define ADD_AT(at, value) atomic_add(at, value)
#define MAX_AT(at, value) atomic_max(at, value)
#define LEADING_ZEROS(value) ((u32)clz(value))
#define HIGH_PRODUCT(a, b) mul_hi(a, b)
#define SHARED_BYTES(name, bytes) __local u32 name[(bytes) / 4]
#else
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;
#define ENTRY extern "C" __global__ void __launch_bounds__(GROUP)
#define FUNCTION static __device__ __forceinline__
#define GLOBAL
#define SHARED
#define RESTRICT __restrict__
#define BARRIER __syncthreads()
#define LANE threadIdx.x
#define GROUP_INDEX blockIdx.x
#define GROUPS gridDim.x
#define ADD_AT(at, value) atomicAdd(at, value)
#define MAX_AT(at, value) atomicMax(at, value)
#define LEADING_ZEROS(value) ((u32)__clzll(value))
#define HIGH_PRODUCT(a, b) __umul64hi(a, b)
#define SHARED_BYTES(name, bytes) extern __shared__ u32 name[]
#endif

#define THREAD (GROUP_INDEX * GROUP + LANE)
#define THREADS (GROUPS * GROUP)
#define ARGUMENTS                                                                     \
  GLOBAL const u32 *RESTRICT params, GLOBAL const u32 *RESTRICT prefixes,             \
      GLOBAL u32 *leaf_words, GLOBAL u32 *state, GLOBAL u32 *records, GLOBAL u32 *rest

/* Words of params; gpu_kernel.cpp writes them. */
#define PREFIXES params[0]
#define SUFFIX_BITS params[1]
#define DEPTH params[2]
#define SIEVE_BITS params[3]
#define FIXED WORD64(4)
#define ADDEND params[6] /* (q + 1) / 2 */
#define FIRST_MOD_9 params[7]
#define A_FIRST wide_at(params + 8)
#define A_COUNT params[12]
#define A_BITS params[13] /* of the last a */
#define NINES params[14]  /* candidates of a progression */
#define PARTS params[15]  /* progressions of one of a leaf's five residues */
#define THRESHOLD wide_at(params + 16)
#define LEAVES_MAX params[20]
#define RECORDS_MAX params[21]
#define REST_MAX params[22]
#define SPREAD params[23]     /* places of a slice */
#define OFFSETS (params + 32) /* nine patterns of eight words: five offsets, count, mask */
#define POWERS (params + 128) /* 3^0.. of four words each */
#define STEPS (params + 512)  /* by 9 bits: addend << 16 | factor */
/* Ways back (ways_back.h): by k and kind, and the kinds by residue. */
#define GROWING(k, kind) (((GLOBAL const u8 *)(params + 1024))[32 * (k) + (kind)])
#define KIND_OF(residue) (((GLOBAL const u8 *)(params + 1024))[32 * 61 + (residue)])
#define BACK_MODULUS 6561
#define WORD64(i) (params[i] | (u64)params[(i) + 1] << 32)

/* Counters, before the slices. */
#define NARROW_COUNT (state + 0)
#define WIDE_COUNT (state + 1)
#define NEXT_STREAM (state + 2)
#define RECORD_COUNT (state + 3)
#define REST_COUNT (state + 4)
/* Of a slice: its stop sum, candidates, escapes, each of two words; its peak, of four. Where there
   are few slices, groups add at several places of each, which the processor adds up: all lanes at
   one place would wait for each other. */
#define SLICE(i) (state + 16 + 12 * ((i) * SPREAD + GROUP_INDEX % SPREAD))
#define FIRST_OF_SLICE(i) (state + 16 + 12 * ((i) * SPREAD))
#define SUM 0
#define CANDIDATES 2
#define ESCAPES 4
#define PEAK 8

#define HAS_ESCAPED 0x80000000u
#define ESCAPE_TOP (1u << 24) /* 2^88 in the third word */
#define NEAR_TOP (1u << 21)   /* below 2^85 a block stays below 2^96 */
#define STOP_TOP 0x1fffffu    /* 53 bits */
#define CHECK_STEPS 18
#define FOLLOWED_CHECKS 1024
/* What is left to the processor. */
#define REST_NUMBER 0
#define REST_ESCAPED 1
#define REST_LEAF 2

typedef struct {
  u64 low, high;
} Wide;

FUNCTION Wide wide(u64 low, u64 high) {
  Wide r;
  r.low = low;
  r.high = high;
  return r;
}
FUNCTION Wide wide_at(GLOBAL const u32 *at) {
  return wide(at[0] | (u64)at[1] << 32, at[2] | (u64)at[3] << 32);
}
FUNCTION Wide plus(Wide a, Wide b) {
  const u64 low = a.low + b.low;
  return wide(low, a.high + b.high + (low < b.low ? 1 : 0));
}
FUNCTION Wide half_of(Wide a) { return wide(a.low >> 1 | a.high << 63, a.high >> 1); }
FUNCTION int is_below(Wide a, Wide b) {
  return a.high < b.high || (a.high == b.high && a.low < b.low);
}
FUNCTION Wide times(Wide a, Wide b) { /* mod 2^128 */
  return wide(a.low * b.low, HIGH_PRODUCT(a.low, b.low) + a.low * b.high + a.high * b.low);
}
FUNCTION u32 bits_of(Wide a) {
  if (a.high != 0) return 128 - LEADING_ZEROS(a.high);
  return a.low != 0 ? 64 - LEADING_ZEROS(a.low) : 0;
}
FUNCTION Wide step_odd(Wide n, u32 addend) { return plus(plus(n, half_of(n)), wide(addend, 0)); }
FUNCTION void put_wide(GLOBAL u32 *at, Wide a) {
  at[0] = (u32)a.low;
  at[1] = (u32)(a.low >> 32);
  at[2] = (u32)a.high;
  at[3] = (u32)(a.high >> 32);
}
/* 64 bits by two words, since not every device has wider atomics. */
FUNCTION void add_64(GLOBAL u32 *at, u64 value) {
  const u32 low = (u32)value;
  const u32 sum = ADD_AT(at, low) + low;
  ADD_AT(at + 1, (u32)(value >> 32) + (sum < low ? 1 : 0));
}
/* A full list is seen by its count, which stops a little above its end. */
FUNCTION GLOBAL u32 *place_for(GLOBAL u32 *count, GLOBAL u32 *list, u32 max) {
  if (*(volatile GLOBAL u32 *)count > max) return 0;
  const u32 index = ADD_AT(count, 1u);
  return index < max ? list + 8 * (u64)index : 0;
}
FUNCTION void write_down(GLOBAL const u32 *params, GLOBAL u32 *state, GLOBAL u32 *records, Wide n,
                         u32 tag) {
  GLOBAL u32 *at = place_for(RECORD_COUNT, records, RECORDS_MAX);
  if (at == 0) return;
  put_wide(at, n);
  at[4] = tag;
}

FUNCTION void place_leaf(ARGUMENTS, u64 b, Wide d, u32 c, u32 slice) {
  const u32 pattern = (FIRST_MOD_9 + (u32)(b % 9)) % 9;
  const Wide power = wide_at(POWERS + 4 * c);
  const int is_held = A_BITS + bits_of(power) <= 120;
  const Wide first = plus(times(A_FIRST, power), d);
  const Wide last = plus(first, times(power, wide(A_COUNT - 1, 0)));
  GLOBAL u32 *at;
  if (!is_held || last.high >> 48 != 0) {
    at = place_for(REST_COUNT, rest, REST_MAX);
    if (at == 0) return;
    put_wide(at, d);
    at[4] = (u32)b;
    at[5] = (u32)(b >> 32);
    at[6] = slice | c << 16;
    at[7] = REST_LEAF;
    return;
  }
  if (last.high < ESCAPE_TOP) {
    at = leaf_words + 8 * (u64)ADD_AT(NARROW_COUNT, 1u);
  } else {
    at = leaf_words + 8 * (u64)(LEAVES_MAX - 1 - ADD_AT(WIDE_COUNT, 1u));
  }
  put_wide(at, first);
  at[4] = slice | c << 16 | pattern << 24;
  add_64(SLICE(slice) + CANDIDATES, OFFSETS[8 * pattern + 5]);
}

ENTRY leaves(ARGUMENTS) {
  const u32 items = PREFIXES << SUFFIX_BITS;
  for (u32 item = THREAD; item < items; item += THREADS) {
    GLOBAL const u32 *node = prefixes + 8 * (item >> SUFFIX_BITS);
    u64 bits = (item & ((1u << SUFFIX_BITS) - 1)) | FIXED << SUFFIX_BITS;
    u64 b = node[0];
    Wide d = wide(node[1] | (u64)node[2] << 32, 0);
    Wide neighbour_d = wide(node[3] | (u64)node[4] << 32, 0);
    u32 c = node[5] & 255;
    u32 neighbour_c = node[5] >> 8 & 255;
    Wide power = wide_at(POWERS + 4 * c);
    Wide neighbour_power = wide_at(POWERS + 4 * neighbour_c);
    u32 residue = node[6];
    int is_live = 1;
    for (u32 k = DEPTH; k < SIEVE_BITS && is_live; bits >>= 1) {
      if ((bits & 1) != 0) {
        b |= (u64)1 << k;
        d = plus(d, power);
        neighbour_d = plus(neighbour_d, neighbour_power);
      }
      ++k;
      if ((d.low & 1) != 0) {
        d = step_odd(d, ADDEND);
        power = plus(power, plus(power, power));
        residue = 3 * residue + 1;
        ++c;
      } else {
        d = half_of(d);
      }
      if ((neighbour_d.low & 1) != 0) {
        neighbour_d = step_odd(neighbour_d, ADDEND);
        neighbour_power = plus(neighbour_power, plus(neighbour_power, neighbour_power));
        ++neighbour_c;
      } else {
        neighbour_d = half_of(neighbour_d);
      }
      residue = (residue + ((residue & 1) != 0 ? BACK_MODULUS : 0)) >> 1;
      if (residue >= BACK_MODULUS) residue -= BACK_MODULUS;
      if (c < GROWING(k, KIND_OF(residue))) is_live = 0;
    }
    if (!is_live) continue;
    if (d.low == neighbour_d.low && d.high == neighbour_d.high && c == neighbour_c) continue;
    place_leaf(params, prefixes, leaf_words, state, records, rest, b, d, c, node[5] >> 16);
  }
}

#ifdef __OPENCL_VERSION__
#define ADD_96(a0, a1, a2, b0, b1, b2)                  \
  {                                                     \
    const u64 old = (u64)(a1) << 32 | (a0);             \
    const u64 total = old + ((u64)(b1) << 32 | (b0));   \
    a0 = (u32)total;                                    \
    a1 = (u32)(total >> 32);                            \
    a2 += (b2) + (total < old ? 1 : 0);                 \
  }
#define ADDRESS_OF(n) (((n) & 511) * (COPIES * 4) + table_address)
#define TABLE_ADDRESS 0
#define LOAD_32(address) (*(const SHARED u32 *)((const SHARED char *)table + (address)))
#define LOAD_16(address) ((u32) * (const SHARED ushort *)((const SHARED char *)table + (address)))
#else
#define ADD_96(a0, a1, a2, b0, b1, b2)                                      \
  asm("add.cc.u32 %0, %0, %3; addc.cc.u32 %1, %1, %4; addc.u32 %2, %2, %5;" \
      : "+r"(a0), "+r"(a1), "+r"(a2)                                        \
      : "r"(b0), "r"(b1), "r"(b2))
#define TABLE_ADDRESS ((u32)__cvta_generic_to_shared(table))
#define ADDRESS_OF(n) address_of((n) & 511, table_address)
#define LOAD_32(address) load_32(address)
#define LOAD_16(address) load_16(address)
/* One instruction, unless the compiler sees through it. */
FUNCTION u32 address_of(u32 index, u32 begin) {
  u32 value;
  asm("mad.lo.u32 %0, %1, %2, %3;" : "=r"(value) : "r"(index), "n"(COPIES * 4), "r"(begin));
  return value;
}
FUNCTION u32 load_32(u32 address) {
  u32 value;
  asm("ld.shared.u32 %0, [%1];" : "=r"(value) : "r"(address));
  return value;
}
FUNCTION u32 load_16(u32 address) {
  unsigned short value;
  asm("ld.shared.u16 %0, [%1];" : "=h"(value) : "r"(address));
  return value;
}
#endif

/* Copies of the table, one a bank or few, so that lanes that want different entries do not wait.
   An entry is looked up as a word, or as two halves, which saves taking it apart. */
#define TABLE_BYTES (512 * COPIES * 4)
#if HALVES
#define LOOK_UP(n, factor, addend)     \
  const u32 at_##factor = ADDRESS_OF(n); \
  const u32 factor = LOAD_16(at_##factor); \
  const u32 addend = LOAD_16(at_##factor + 2)
#else
#define LOOK_UP(n, factor, addend)                \
  const u32 at_##factor = LOAD_32(ADDRESS_OF(n)); \
  const u32 factor = at_##factor & 0xffff;        \
  const u32 addend = at_##factor >> 16
#endif
#define GO_ON                                         \
  {                                                   \
    n0 = next0;                                       \
    n1 = next1;                                       \
    n2 = next2;                                       \
    --left;                                           \
    ADD_96(next0, next1, next2, more0, more1, more2); \
  }
#define WRITE_DOWN                                                   \
  write_down(params, state, records, wide((u64)n1 << 32 | n0, n2), \
             (tag & 0xffff) | (n2 >= ESCAPE_TOP ? HAS_ESCAPED : 0));
/* If `top`, N without its lowest word, is below that of the threshold: N is added, and the next. */
#ifdef __OPENCL_VERSION__
#define STOP_BELOW(top, threshold_top)                              \
  if ((top) < (threshold_top) && left != 0) {                       \
    sum0 += n0;                                                     \
    sum1 += (n1 & STOP_TOP) + (sum0 < n0 ? 1 : 0);                  \
    GO_ON                                                           \
  }
#else
#define STOP_BELOW(top, threshold_top)                                                        \
  asm("{\n.reg .pred p;\nsetp.lt.u64 p, %9, %10;\nsetp.ne.and.u32 p, %8, 0, p;\n"             \
      "@p add.cc.u32 %6, %6, %0;\n@p addc.u32 %7, %7, %11;\n"                                 \
      "@p mov.u32 %0, %3;\n@p mov.u32 %1, %4;\n@p mov.u32 %2, %5;\n@p sub.u32 %8, %8, 1;\n"   \
      "@p add.cc.u32 %3, %3, %12;\n@p addc.cc.u32 %4, %4, %13;\n@p addc.u32 %5, %5, %14;\n}"  \
      : "+r"(n0), "+r"(n1), "+r"(n2), "+r"(next0), "+r"(next1), "+r"(next2), "+r"(sum0),      \
        "+r"(sum1), "+r"(left)                                                                \
      : "l"(top), "l"(threshold_top), "r"(n1 & STOP_TOP), "r"(more0), "r"(more1), "r"(more2))
#endif

/* Lanes whose progression has ended go on in vain until the burst has, and change nothing. */
FUNCTION void walk_numbers(ARGUMENTS, const SHARED u32 *table, int is_aligned) {
  const u32 table_address = TABLE_ADDRESS + LANE % COPIES * 4;
  const Wide threshold = THRESHOLD;
  const u64 threshold_top = threshold.low >> 32 | threshold.high << 32;
  const u32 threshold_low = (u32)threshold.low;
  const u32 streams = *NARROW_COUNT * 5 * PARTS;
  u32 left = 0;
  u32 tag = 0;
  u32 n0 = 0, n1 = 0, n2 = 0;
  u32 next0 = 0, next1 = 0, next2 = 0;
  u32 more0 = 0, more1 = 0, more2 = 0;
  u32 sum0 = 0, sum1 = 0;
  for (;;) {
    while (left == 0) {
      if ((sum0 | sum1) != 0) add_64(SLICE(tag & 0xffff) + SUM, (u64)sum1 << 32 | sum0);
      sum0 = sum1 = 0;
      const u32 stream = ADD_AT(NEXT_STREAM, 1u);
      if (stream >= streams) return;
      GLOBAL const u32 *leaf = leaf_words + 8 * (u64)(stream / (5 * PARTS));
      const u32 part = stream % (5 * PARTS);
      tag = leaf[4];
      const u32 offset = OFFSETS[8 * (tag >> 24) + part % 5];
      const u32 begin = part / 5 * NINES;
      const u32 nines = A_COUNT > offset ? (A_COUNT - offset + 8) / 9 : 0;
      if (begin >= nines) continue;
      left = nines - begin < NINES ? nines - begin : NINES;
      const Wide power = wide_at(POWERS + 4 * (tag >> 16 & 255));
      const Wide n = plus(wide_at(leaf), times(power, wide((u64)begin * 9 + offset, 0)));
      n0 = (u32)n.low;
      n1 = (u32)(n.low >> 32);
      n2 = (u32)n.high;
      const Wide more = times(power, wide(9, 0));
      more0 = (u32)more.low;
      more1 = (u32)(more.low >> 32);
      more2 = (u32)more.high;
      next0 = n0;
      next1 = n1;
      next2 = n2;
      ADD_96(next0, next1, next2, more0, more1, more2);
    }
    const u32 before = left;
    UNROLL
    for (u32 turn = 0; turn < BURST; ++turn) {
      LOOK_UP(n0, first_factor, first_addend);
      const u32 middle = (n0 >> 9 & 511) * first_factor + first_addend;
      LOOK_UP(middle, second_factor, second_addend);
      const u32 factor = first_factor * second_factor;
      if (n2 >= NEAR_TOP) {
        /* It has escaped; or this block might not fit, which `follow` has room for. */
        if (n2 >= ESCAPE_TOP || ((u64)((n2 >> 18) + 1) * factor) >> 32 != 0) {
          if (left == 0) {
            n0 = n1 = n2 = 0;
          } else {
            WRITE_DOWN
            GO_ON
          }
          continue;
        }
      }
      const u32 addend = (middle >> 9) * second_factor + second_addend;
      const u64 low = (u64)(n0 >> 18 | n1 << 14) * factor + addend;
      const u64 high = (u64)(n1 >> 18 | n2 << 14) * factor + (low >> 32);
      n0 = (u32)low;
      n1 = (u32)high;
      n2 = (n2 >> 18) * factor + (u32)(high >> 32);
      /* A threshold whose low word is not 0 is above the top of what equals it and is lower. */
      const u64 top = (u64)n2 << 32 | n1;
      STOP_BELOW(top, threshold_top + (!is_aligned && n0 < threshold_low ? 1 : 0));
    }
    if (left == before) { /* one that goes on for long */
      WRITE_DOWN
      GO_ON
    }
  }
}

#define NUMBERS(is_aligned)                                                      \
  SHARED_BYTES(table, TABLE_BYTES);                                              \
  for (u32 i = LANE; i < 512 * COPIES; i += GROUP) table[i] = STEPS[i / COPIES]; \
  BARRIER;                                                                       \
  walk_numbers(params, prefixes, leaf_words, state, records, rest, table, is_aligned)

ENTRY numbers(ARGUMENTS) { NUMBERS(1); }
ENTRY numbers_any(ARGUMENTS) { NUMBERS(0); }

ENTRY wide_leaves(ARGUMENTS) {
  const u32 count = *WIDE_COUNT;
  for (u32 index = GROUP_INDEX; index < count; index += GROUPS) {
    GLOBAL const u32 *leaf = leaf_words + 8 * (u64)(LEAVES_MAX - 1 - index);
    const Wide first = wide_at(leaf);
    const u32 tag = leaf[4];
    const Wide power = wide_at(POWERS + 4 * (tag >> 16 & 255));
    const u32 mask = OFFSETS[8 * (tag >> 24) + 6];
    for (u32 a = LANE; a < A_COUNT; a += GROUP) {
      if ((mask >> (a % 9) & 1) == 0) continue;
      write_down(params, state, records, plus(first, times(power, wide(a, 0))), tag & 0xffff);
    }
  }
}

ENTRY follow(ARGUMENTS) {
  const Wide threshold = THRESHOLD;
  const u32 count = *RECORD_COUNT < RECORDS_MAX ? *RECORD_COUNT : RECORDS_MAX;
  for (u32 index = THREAD; index < count; index += THREADS) {
    GLOBAL u32 *record = records + 8 * (u64)index;
    GLOBAL u32 *slice = SLICE(record[4] & 0xffff);
    int has_escaped = (record[4] & HAS_ESCAPED) != 0;
    Wide n = wide_at(record);
    Wide peak = wide(0, 0);
    int has_stopped = 0;
    for (u32 check = 0; check < FOLLOWED_CHECKS && n.high >> 48 == 0; ++check) {
      for (u32 i = 0; i < CHECK_STEPS; ++i) {
        const int is_odd = (n.low & 1) != 0;
        n = is_odd ? step_odd(n, ADDEND) : half_of(n);
        if (is_odd && has_escaped && is_below(peak, n)) peak = n;
      }
      has_stopped = is_below(n, threshold);
      if (has_stopped) break;
      if (n.high >> 24 != 0) has_escaped = 1;
    }
    if (has_stopped) {
      add_64(slice + SUM, n.low & ((u64)STOP_TOP << 32 | 0xffffffffu));
      if (has_escaped) add_64(slice + ESCAPES, 1);
    } else {
      GLOBAL u32 *at = place_for(REST_COUNT, rest, REST_MAX);
      if (at != 0) {
        put_wide(at, n);
        at[6] = record[4] & 0xffff;
        at[7] = has_escaped ? REST_ESCAPED : REST_NUMBER;
      }
    }
    put_wide(record, plus(peak, peak)); /* 3n + q, before it was halved */
  }
}

/* Of those whose higher words are the slice's peak's, which stand. */
FUNCTION void raise_peak(ARGUMENTS, u32 word) {
  const u32 count = *RECORD_COUNT < RECORDS_MAX ? *RECORD_COUNT : RECORDS_MAX;
  for (u32 index = THREAD; index < count; index += THREADS) {
    GLOBAL const u32 *record = records + 8 * (u64)index;
    GLOBAL u32 *peak = FIRST_OF_SLICE(record[4] & 0xffff) + PEAK;
    int is_equal = 1;
    for (u32 i = 3; i > word; --i) is_equal = is_equal && record[i] == peak[i];
    if (is_equal && record[word] > peak[word]) MAX_AT(peak + word, record[word]);
  }
}
ENTRY peak3(ARGUMENTS) { raise_peak(params, prefixes, leaf_words, state, records, rest, 3); }
ENTRY peak2(ARGUMENTS) { raise_peak(params, prefixes, leaf_words, state, records, rest, 2); }
ENTRY peak1(ARGUMENTS) { raise_peak(params, prefixes, leaf_words, state, records, rest, 1); }
ENTRY peak0(ARGUMENTS) { raise_peak(params, prefixes, leaf_words, state, records, rest, 0); }
)KITH";

}  // namespace

std::string_view gpu_source() { return kernels; }

std::string gpu_program(const GpuShape& shape, GpuLanguage language) {
  std::string text = base::format(
      "#define GROUP {}\n#define COPIES {}\n#define HALVES {}\n#define BURST {}\n#define UNROLL "
      "{}\n",
      shape.group, shape.copies, shape.halves, shape.burst,
      language == GpuLanguage::cuda ? base::format("_Pragma(\"unroll {}\")", shape.unroll) : "");
  text += gpu_source();
  return text;
}

}  // namespace kith::compute::collatz
