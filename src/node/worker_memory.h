// What a worker must not forget, since it has said something that follows from it, or is about to:
// the unit roots of its tasks and checks, its statements, its records, and those of others that it
// has to show or to name. Each is one record of the worker's journal, durable before what follows
// from it is said; read back at the start.
//
//   record    = %x10 u16(results) job task u16(n) *root u16(size) statistics ; a task of ours
//             / %x11 u16(results) job slot target u8(part) task u8(pass) u64(due)
//               u16(n) *u16(unit) *root                                      ; a check
//             / %x03 statement                                               ; said
//             / %x04 seed u16(checked) u16(size) record                      ; signed when settled
//             / %x05 slot u8(part) u64(due) u16(size) record                 ; of what we checked
//             / %x06 job task u16(size) record u16(size) proof               ; of the first pass
//             / %x07 u16(size) record                                        ; first_passes.h
//             / %x08 job task u64(place)                                     ; likewise
//             / %x12 job task u8(n) *(u16(unit) 16OCTET(number) u8(what))    ; found in it
//             / %x01, %x02: as %x10 and %x11, without the results, which are 1; read only
//
// `results` is the workload's results_version(): what was said stands, but roots of other results
// that nothing has been said of yet are computed again (Worker::drop_unsaid).
//
// Big-endian (docs/protocol/compute.md has the rest). 32 KiB a task of 1,024 units, until it is
// accepted or somebody else's. Limits: `records_max` signed records, the oldest go;
// `kept_finds_max` of a task; those of first_passes.h.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <variant>
#include <vector>

#include "node/first_passes.h"
#include "node/worker_io.h"

namespace kith::node {

struct KeptTask {
  JobId job;
  codec::TaskIndex task;
  std::vector<Hash> roots;  // of its units
  Bytes statistics;
  std::uint16_t results = 1;
  friend bool operator==(const KeptTask&, const KeptTask&) = default;
};
struct KeptCheck {
  JobId job;
  SlotId slot;  // ours
  SlotId target;
  std::uint8_t part = 0;
  codec::TaskIndex task;
  std::uint8_t pass = 1;
  Height due;
  std::vector<std::uint16_t> units;
  std::vector<Hash> roots;  // of these
  std::uint16_t results = 1;
  friend bool operator==(const KeptCheck&, const KeptCheck&) = default;
};
struct KeptStatement {
  codec::JobStatement statement;
  friend bool operator==(const KeptStatement&, const KeptStatement&) = default;
};
/// With what the units of its check follow from. Not signed before it is settled.
struct KeptRecord {
  Hash seed{};
  std::uint16_t checked = 0;
  codec::Record record;
  friend bool operator==(const KeptRecord&, const KeptRecord&) = default;

  bool is_signed() const { return record.signature != crypto::Signature{}; }
};
/// As an order claims it (codec::ClaimFind).
struct KeptFind {
  std::uint16_t unit = 0;
  std::array<std::uint8_t, 16> number{};
  std::uint8_t what = 0;
  friend bool operator==(const KeptFind&, const KeptFind&) = default;
};
struct KeptFinds {
  JobId job;
  codec::TaskIndex task;
  std::vector<KeptFind> finds;
  friend bool operator==(const KeptFinds&, const KeptFinds&) = default;
};
inline constexpr std::size_t kept_finds_max = 64;
/// What the ledger has settled of a slot whose part we checked: names it in a dispute.
struct KeptChecked {
  SlotId target;
  std::uint8_t part = 0;
  Height due;
  codec::Record record;  // not signed
  friend bool operator==(const KeptChecked&, const KeptChecked&) = default;
};
/// To be shown with the reveal of the same task's second pass.
struct KeptFirst {
  JobId job;
  codec::TaskIndex task;
  codec::FirstPass first;
  friend bool operator==(const KeptFirst&, const KeptFirst&) = default;
};
using Kept = std::variant<KeptTask, KeptCheck, KeptStatement, KeptRecord, KeptChecked, KeptFirst,
                          FirstSettled, FirstPlaced, KeptFinds>;
Bytes encode_kept(const Kept& kept);
Result<Kept> decode_kept(ByteView bytes);

class WorkerMemory {
 public:
  static constexpr std::size_t records_max = 4'096;

  struct TaskKey {
    JobId job;
    codec::TaskIndex task;
    friend auto operator<=>(const TaskKey&, const TaskKey&) = default;
  };
  struct CheckKey {
    JobId job;
    SlotId target;
    std::uint8_t part = 0;
    Height due;
    friend auto operator<=>(const CheckKey&, const CheckKey&) = default;
  };
  struct RecordKey {
    JobId job;
    codec::TaskIndex task;
    std::uint8_t pass = 1;
    friend auto operator<=>(const RecordKey&, const RecordKey&) = default;
  };

  /// Later ones replace earlier ones of the same thing.
  void keep(Kept kept);
  /// All of it, for a journal that begins anew.
  std::vector<Bytes> all() const;

  const KeptTask* task(JobId job, codec::TaskIndex task) const;
  const KeptCheck* check(const CheckKey& key) const;
  const KeptRecord* record(const RecordKey& key) const;
  const KeptFinds* finds(JobId job, codec::TaskIndex task) const;
  const codec::Record* checked(const CheckKey& key) const;
  const codec::FirstPass* first(JobId job, codec::TaskIndex task) const;
  /// A signed one.
  const codec::Record* record(const codec::Cid& cid) const;

  std::map<TaskKey, KeptTask>& tasks() { return tasks_; }
  std::map<CheckKey, KeptCheck>& checks() { return checks_; }
  std::map<TaskKey, KeptFinds>& finds() { return finds_; }
  const std::map<CheckKey, KeptCheck>& checks() const { return checks_; }
  std::vector<codec::JobStatement>& statements() { return statements_; }
  const std::map<RecordKey, KeptRecord>& records() const { return records_; }
  std::map<CheckKey, codec::Record>& all_checked() { return checked_; }
  std::map<TaskKey, codec::FirstPass>& firsts() { return firsts_; }
  FirstPasses& first_passes() { return first_passes_; }
  const FirstPasses& first_passes() const { return first_passes_; }

 private:
  void forget_name(const RecordKey& key);
  void forget_oldest();

  std::map<TaskKey, KeptTask> tasks_;
  std::map<CheckKey, KeptCheck> checks_;
  std::map<TaskKey, KeptFinds> finds_;
  std::vector<codec::JobStatement> statements_;
  std::map<RecordKey, KeptRecord> records_;
  std::map<codec::Cid, RecordKey> by_cid_;
  std::map<CheckKey, codec::Record> checked_;
  std::map<TaskKey, codec::FirstPass> firsts_;
  FirstPasses first_passes_;
};

}  // namespace kith::node
