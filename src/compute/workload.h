// A kind of work that strangers do for each other: how a job's parameters are split into tasks,
// units and slices, what a slice comes to, and how that is compared. Pure: no clock, no thread, no
// file; an instance belongs to one thread. Results are the same bytes on every device, since they
// are hashed, committed to and computed again by others (docs/design/compute-ledger.md).
//
//   params   what the job's submitter wrote, once: at most params_bytes_max
//   task     a number of consecutive units: what one lease is for
//   unit     canonical bytes of at most unit_bytes_max; its root is over its slices
//   slice    about a second's work; its result is canonical bytes of at most result_bytes_max
//
// A checkpoint is the results of the slices that are done: nothing inside a slice is kept.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "codec/chain.h"

namespace kith::compute {

using codec::Hash;

inline constexpr std::size_t params_bytes_max = 256;
inline constexpr std::size_t unit_bytes_max = 320;
inline constexpr std::size_t result_bytes_max = 4096;
inline constexpr std::uint64_t tasks_max = std::uint64_t{1} << 48;
inline constexpr std::uint32_t units_max = 4096;
inline constexpr std::uint32_t slices_max = 1024;

/// Never reused; from `external` on: programs of a volunteer's own (workload_external.h).
enum class WorkloadId : std::uint16_t { collatz = 1, goldbach = 2, external = 128 };

using TaskIndex = base::Id<struct TaskTag>;
using SliceResult = Bytes;

struct TaskShape {
  std::uint64_t tasks = 0;   // of the job; 1 to tasks_max
  std::uint32_t units = 0;   // of a task; 1 to units_max
  std::uint32_t slices = 0;  // of a unit; 1 to slices_max
  friend bool operator==(const TaskShape&, const TaskShape&) = default;
};

/// Told by a slice that is being computed how far it is, as often as it likes.
class Progress {
 public:
  virtual ~Progress() = default;
  /// False: nobody wants the result any more, end with `canceled`. May take its time: a pause.
  virtual bool go_on(std::uint64_t done, std::uint64_t of) = 0;
};

/// What whoever computed wants to be known for.
struct Find {
  enum class Kind : std::uint8_t {
    counterexample = 1,  // `number` breaks the conjecture, as far as the workload can check it
    record = 2,          // `number` has the largest `value` of the slice
  };
  Kind kind = Kind::record;
  std::string number;  // decimal
  std::string value;   // decimal; empty when there is none
  friend bool operator==(const Find&, const Find&) = default;
};
std::string_view name_of(Find::Kind kind);

/// A name and a decimal number, for people and JSON.
struct Figure {
  std::string name;
  std::string value;
  friend bool operator==(const Figure&, const Figure&) = default;
};

class Workload {
 public:
  virtual ~Workload() = default;

  virtual WorkloadId id() const = 0;
  /// Raised whenever some slice comes to other bytes than it did before: what was kept of a lower
  /// one is not gone on with. Not the program's version: most of those change no result. It is in
  /// a job's parameters, so that workers of two versions do not hold each other to their results.
  virtual std::uint16_t results_version() const = 0;
  /// One sentence: what the task is about.
  virtual std::string describe(ByteView params, TaskIndex task) const = 0;
  /// `malformed` for what are no parameters, `limit` for what is too large.
  virtual Result<TaskShape> shape(ByteView params) const = 0;
  /// The split. `usage` for a task or unit that the shape does not have.
  virtual Result<Bytes> unit_of(ByteView params, TaskIndex task, std::uint32_t unit) const = 0;
  /// Canonical bytes. An error is the device's or the caller's, never the numbers'.
  virtual Result<SliceResult> run(ByteView unit, std::uint32_t slice, Progress& progress) const = 0;
  /// So many slices of a unit keep the device busy; fewer are done as well.
  virtual std::uint32_t slices_at_once() const { return 1; }
  /// Slices first to first + count - 1, each as run() gives it; none when one fails.
  virtual Result<std::vector<SliceResult>> run_some(ByteView unit, std::uint32_t first,
                                                    std::uint32_t count, Progress& progress) const;
  /// The entry of the unit's root. REQUIRES: a result that run() gave, or check_result() took.
  virtual Hash digest(ByteView unit, std::uint32_t slice, const SliceResult& result) const = 0;
  /// That the bytes can be a result at all: for what comes from a file or a stranger.
  virtual Result<void> check_result(ByteView result) const = 0;

  /// Of any number of slices, for a record; canonical.
  virtual Bytes statistics(std::span<const SliceResult> results) const = 0;
  /// Those of both together: it does not matter in which order slices are joined.
  virtual Result<Bytes> join(ByteView statistics, ByteView others) const = 0;
  virtual Result<std::vector<Figure>> figures(ByteView statistics) const = 0;

  /// Whether finds() may name some: cheap, while naming may have to compute slices again.
  virtual bool has_finds(std::span<const SliceResult> results) const = 0;
  virtual Result<std::vector<Find>> finds(ByteView unit,
                                          std::span<const SliceResult> results) const = 0;
  /// Whether it is what it says: exact, and in bounded time.
  virtual Result<bool> check_find(ByteView params, const Find& find) const = 0;
};

/// The Merkle root over a unit's slices, as compute/collatz/slice.h has it for its units.
Hash unit_root(std::span<const Hash> slice_digests);
/// U: the Merkle root over a task's units.
Hash task_root(std::span<const Hash> unit_roots);

/// Runs the slice and compares, as checkers and verdicts do. `refused` when the digest is another.
Result<void> verify(const Workload& workload, ByteView unit, std::uint32_t slice,
                    const Hash& digest);

/// Of parameters: `unsupported` unless they are of the results that this program makes.
Result<void> check_results_version(std::uint16_t of_params, std::uint16_t of_program);

/// `usage` unless the shape has it.
Result<void> check_place(const TaskShape& shape, TaskIndex task, std::uint32_t unit);

}  // namespace kith::compute
