// What a validator says in a dispute about a computed result: computes one slice again, or looks at
// one number, without having seen what either side says. docs/protocol/compute.md, "Verdicts".
//
// By the plainest code there is (the scalar kernel, on the processor), for a fault of a device
// class must not judge its own results. Pure; takes its time: for a thread of its own.
//
// Whoever submits a job chooses its parameters, so that what is computed here is bounded: a slice
// that would take more than about ten seconds of a processor has no verdict (`limit`), nor has a
// program of somebody's own (`unsupported`).
#pragma once

#include <array>

#include "compute/workload.h"

namespace kith::compute {

struct VerdictPlace {
  std::uint8_t workload = 0;
  Bytes params;
  TaskIndex task;
  std::uint16_t unit = 0;   // of the task
  std::uint16_t slice = 0;  // of the unit; not of a find
};

/// Numbers of a slice that would have to be tried one by one, reckoned from its sieve.
inline constexpr std::uint64_t verdict_candidates_max = std::uint64_t{1} << 27;
/// Of maps other than Collatz's, whose numbers may go round for long.
inline constexpr std::uint64_t verdict_candidates_of_others_max = std::uint64_t{1} << 13;
/// Even numbers of a slice.
inline constexpr std::uint64_t verdict_even_numbers_max = std::uint64_t{1} << 23;

/// The digest of what the slice comes to. `usage` for a place that the parameters do not have.
Result<Hash> verdict_on_slice(const VerdictPlace& place);

/// Whether `number`, big-endian, lies in the unit and is what it is said to be: a counterexample,
/// or (Collatz) a record: its orbit peaks above the last path record that is known here.
Result<bool> verdict_on_find(const VerdictPlace& place, const std::array<std::uint8_t, 16>& number,
                             Find::Kind kind);

}  // namespace kith::compute
