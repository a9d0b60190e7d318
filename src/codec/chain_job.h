// Jobs on the ledger: what a job asks for, what workers state about it, and the orders that
// transactions carry as actions of module 3. Grammar: docs/protocol/compute.md. What they mean is
// ledger/jobs.h; what follows from a job's numbers alone is chain_job_check.h.
//
// A job is divided into tasks of `units` units, a unit into slices. A slot computes one task after
// the other, and checks units of others. A statement is all that a worker says in a round of its
// cohort; it has its own signature, so that anybody may carry it.
//
// Limits: params of 256 bytes, 1,024 units a task, 64 slices a unit, 512 lines a statement, 16
// parts a task, 8 checks a line. What is said late or twice is well-formed all the same.
#pragma once

#include <array>
#include <optional>
#include <variant>
#include <vector>

#include "codec/chain_tx.h"
#include "codec/writer.h"

namespace kith::codec {

using JobId = base::Id<struct JobIdTag>;
using TaskIndex = base::Id<struct TaskIndexTag>;
/// A place of one device's share in a job; its cohort is the number modulo the round.
using SlotId = base::Id<struct SlotIdTag, std::uint32_t>;

inline constexpr std::size_t job_params_bytes_max = 256;
inline constexpr std::uint64_t job_tasks_max = std::uint64_t{1} << 40;
inline constexpr std::uint16_t job_units_max = 1'024;
inline constexpr std::uint16_t job_slices_max = 64;
inline constexpr std::uint32_t region_tasks_max = 1u << 20;
inline constexpr std::uint64_t job_regions_max = std::uint64_t{1} << 31;
inline constexpr std::uint16_t round_blocks_max = 4'096;
inline constexpr std::uint8_t lease_rounds_max = 64;
/// Units of one checker at most, and so of a part.
inline constexpr std::uint16_t part_units_max = 64;
inline constexpr std::size_t task_parts_max = 16;
inline constexpr std::size_t slot_duties_max = 8;
inline constexpr std::size_t statement_lines_max = 512;
/// So that a task and its check, and what 256 slots are bonded with, are amounts.
inline constexpr Amount job_price_max = amount_max / 4;
inline constexpr Amount job_bond_max = amount_max / 256;

struct JobSpec {
  std::uint8_t workload = 0;  // 1 Collatz; 128 and above: programs of the volunteer's own
  Bytes params;               // the workload's
  std::uint64_t tasks = 0;
  std::uint16_t units = 0;         // of a task: a power of 4
  std::uint16_t slices = 0;        // of a unit
  std::uint32_t region_tasks = 0;  // that count together
  std::uint16_t round_blocks = 0;  // R
  std::uint8_t lease_rounds = 0;
  std::uint16_t checked_min = 0;  // units of a task that are checked at least
  std::uint32_t eps_ppm = 0;      // the share of wrong units that may be accepted
  std::uint8_t passes = 0;        // 1 or 2
  std::uint8_t second_every = 0;  // each so-manieth lease is of the second pass; 0: when idle
  Amount price = 0;               // of a task, and of a check of all of it
  Amount price2 = 0;              // of a task of the second pass
  Amount bond = 0;                // of a slot
  friend bool operator==(const JobSpec&, const JobSpec&) = default;
};
void write_spec(Writer& writer, const JobSpec& spec);
Result<JobSpec> read_spec(Reader& reader);

/// What a checker got for a part of another slot's task: the commitment, V.
struct CheckLine {
  SlotId target;
  std::uint8_t part = 0;
  Hash check{};
  friend bool operator==(const CheckLine&, const CheckLine&) = default;
};
/// The first pass' record of the task (chain_record.h), and the proof that it is one of its region.
struct FirstPass {
  Bytes record;
  Bytes proof;
  friend bool operator==(const FirstPass&, const FirstPass&) = default;
};
inline constexpr std::size_t first_pass_record_bytes_max = 1'024;
inline constexpr std::size_t first_pass_proof_bytes_max = 1'024;

/// What U was, and the roots of the parts that were drawn.
struct RevealLine {
  Hash root{};
  std::vector<Hash> parts;  // 1 to 16
  friend bool operator==(const RevealLine&, const RevealLine&) = default;
};
struct StatementLine {
  SlotId slot;
  std::optional<Hash> commit;
  std::optional<RevealLine> reveal;
  std::optional<FirstPass> first;  // with a reveal of the second pass; alone: another task, please
  std::vector<CheckLine> checks;
  friend bool operator==(const StatementLine&, const StatementLine&) = default;
};
struct JobStatement {
  JobId job;
  std::uint64_t round = 0;  // of the worker's cohort
  ChainKey worker{};
  std::vector<StatementLine> lines;  // by slot, ascending; a slot may have several
  crypto::Signature signature{};
  friend bool operator==(const JobStatement&, const JobStatement&) = default;
};
Bytes encode_statement(const JobStatement& statement);
Result<JobStatement> read_statement(Reader& reader);
/// What the worker's key signs.
Hash statement_message(const Hash& genesis, const JobStatement& statement);

inline constexpr std::uint8_t module_jobs = 3;

/// Signed by the account's key; `amount` goes into the job's escrow.
struct SubmitJob {
  Hash account{};
  JobSpec spec;
  Amount amount = 0;
  friend bool operator==(const SubmitJob&, const SubmitJob&) = default;
};
/// More escrow, whoever pays.
struct FundJob {
  JobId job;
  Amount amount = 0;
  friend bool operator==(const FundJob&, const FundJob&) = default;
};
/// No more leases; signed by the account's key.
struct EndJob {
  JobId job;
  friend bool operator==(const EndJob&, const EndJob&) = default;
};
/// Signed by the worker's key. All slots of a key are of one cohort.
struct EnrolSlots {
  JobId job;
  ChainKey worker{};
  std::uint16_t slots = 0;
  friend bool operator==(const EnrolSlots&, const EnrolSlots&) = default;
};
/// No more leases for so many of its slots; they close when nothing is pending.
struct LeaveJob {
  JobId job;
  ChainKey worker{};
  std::uint16_t slots = 0;
  friend bool operator==(const LeaveJob&, const LeaveJob&) = default;
};
/// Statements of others; needs no witness.
struct CarryStatements {
  std::vector<JobStatement> statements;
  friend bool operator==(const CarryStatements&, const CarryStatements&) = default;
};
/// Signed by one side of the dispute, which says that it was wrong.
struct ConcedeDispute {
  std::uint64_t dispute = 0;
  friend bool operator==(const ConcedeDispute&, const ConcedeDispute&) = default;
};

/// Up to 64: units of a part, slices of a unit.
inline constexpr std::size_t dispute_entries_max = 64;
/// What 64 units of 1,024 need beside themselves at most, whichever they are.
inline constexpr std::size_t dispute_siblings_max = 256;

/// What stands under the disputed node, and hashes to it.
struct OpenMove {
  std::vector<Hash> entries;  // 1 to 64
  friend bool operator==(const OpenMove&, const OpenMove&) = default;
};
/// Which of them is false; of a slice, with what it comes to.
struct ChooseMove {
  std::uint8_t index = 0;
  std::optional<Hash> digest;
  friend bool operator==(const ChooseMove&, const ChooseMove&) = default;
};
/// Units of a part, or slices of a unit, with what is beside them under U.
struct ShowMove {
  std::vector<Hash> entries;  // 1 to 64
  std::vector<Hash> siblings;
  friend bool operator==(const ShowMove&, const ShowMove&) = default;
};
/// A step of a dispute, signed by the key whose turn it is.
struct DisputeMove {
  std::uint64_t dispute = 0;
  std::variant<OpenMove, ChooseMove, ShowMove> move;
  friend bool operator==(const DisputeMove&, const DisputeMove&) = default;
};

enum class DisputeKind : std::uint8_t {
  check = 1,    // a checker got something else: opened by the chain
  unshown = 2,  // a worker does not show its checker what it checked
  doubt = 3,    // somebody has computed a slice otherwise
  passes = 4,   // the second pass came to something else: opened by the chain
  find = 5,     // no dispute: whether a find is one
};
/// Opens a dispute of a result that matures; signed by a worker's key. `unshown`: of the slot that
/// checked the part. `doubt`: of any account, whose bond stands for it.
struct FileDispute {
  JobId job;
  Bytes record;  // chain_record.h
  DisputeKind kind = DisputeKind::doubt;
  std::uint16_t unit = 0;   // of the task; `unshown`: the part
  std::uint16_t slice = 0;  // `unshown`: 0
  Hash digest{};            // what the slice comes to; `unshown`: zeros
  friend bool operator==(const FileDispute&, const FileDispute&) = default;
};

struct VerdictSignature {
  std::uint16_t validator = 0;  // its place among those of the epoch, by key
  crypto::Signature signature{};
  friend bool operator==(const VerdictSignature&, const VerdictSignature&) = default;
};
/// What two thirds of the validators say that the slice comes to; needs no witness.
struct GiveVerdict {
  std::uint64_t dispute = 0;
  Hash digest{};
  std::vector<VerdictSignature> signatures;  // by validator, ascending; at least one
  friend bool operator==(const GiveVerdict&, const GiveVerdict&) = default;
};
/// What a validator's key signs.
Hash verdict_message(const Hash& genesis, std::uint64_t dispute, const Hash& digest);

/// Of a result that matures; signed by its worker's key.
struct ClaimFind {
  JobId job;
  Bytes record;
  std::uint64_t unit = 0;                 // of the task
  std::array<std::uint8_t, 16> number{};  // big-endian
  std::uint8_t what = 0;                  // 1 a counterexample, 2 a record
  friend bool operator==(const ClaimFind&, const ClaimFind&) = default;
};
/// Its name, and the digest of a verdict that it is one. That it is none has the digest of zeros.
Hash find_digest(TaskIndex task, const ClaimFind& claim);

struct JobOrder : std::variant<SubmitJob, FundJob, EndJob, EnrolSlots, LeaveJob, CarryStatements,
                               ConcedeDispute, DisputeMove, FileDispute, GiveVerdict, ClaimFind> {
  using variant::variant;
  JobOrder(const JobOrder&);
  JobOrder& operator=(const JobOrder&);
  JobOrder(JobOrder&&) noexcept;
  JobOrder& operator=(JobOrder&&) noexcept;
  ~JobOrder();
};

Bytes encode_job_order(const JobOrder& order);
Result<JobOrder> decode_job_order(ByteView body);
/// One a statement: to be verified with those of the transaction's witnesses.
std::vector<SignatureJob> signature_jobs(const JobOrder& order, const Hash& genesis);
/// How many statements an order that reads well carries, without reading them: never less, and not
/// more than there is room for.
std::size_t carried_by(ByteView body);

}  // namespace kith::codec
