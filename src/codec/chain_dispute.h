// Disputes about what slots have computed, as the state holds them, and finds that validators have
// confirmed: entries of kinds 7 and 13 (chain_entry.h). Encoded with the other entries of jobs
// (chain_job_state.h). Grammar: docs/protocol/compute.md, "State"; what the stages are for:
// "Disputes" there, and ledger/jobs_dispute.cpp.
//
// Limit: 64 entries that are opened.
#pragma once

#include "codec/chain_job_check.h"

namespace kith::codec {

/// An account's id, as chain_account.h makes it.
using AccountId = Hash;

/// A side of a dispute: a slot as long as it is the one it was.
struct SlotSide {
  SlotId slot;
  ChainKey worker{};
  AccountId owner{};
  Height since;
  friend bool operator==(const SlotSide&, const SlotSide&) = default;
};

/// How many nodes of a large U are opened before its units are.
inline constexpr std::uint16_t dispute_nodes = 32;

/// What is waited for.
enum class DisputeStage : std::uint8_t {
  open_part = 1,     // the worker: what units of the part come to
  choose_unit = 2,   // the checker
  open_unit = 3,     // the worker: its slices
  choose_slice = 4,  // the checker, which says what it comes to
  show_part = 5,     // the worker: the part's units under U
  show_slice = 6,    // the worker: the unit's slices under U
  open_nodes = 7,    // both: 32 nodes of U
  open_units = 8,    // both: the units under one
  open_slices = 9,   // both: the slices of one
  verdict = 10,      // validators
};

struct DisputeEntry {
  DisputeKind kind = DisputeKind::check;
  JobId job;
  TaskIndex task;
  std::uint8_t pass = 1;
  std::uint8_t part = 0;
  Height until;                     // of the stage
  std::uint64_t overdue = 0;        // of the worker's owner, as in PendingTask
  std::uint64_t overdue_other = 0;  // and of the other's, if that is a slot that waits
  SlotSide worker;                  // of the task
  SlotSide other;                   // its checker, the worker of the first pass, or no slot
  std::uint64_t before = 0;         // in the list by deadline; 0: it is the first
  std::uint64_t after = 0;
  DisputeStage stage = DisputeStage::open_part;
  Hash root{};                // U
  Hash node{};                // what the worker opens
  Hash node_other{};          // and what the other does
  std::uint8_t opened = 0;    // of both, who has: 1 the worker, 2 the other
  std::vector<Hash> entries;  // that stand under it
  std::uint16_t unit = 0;     // of the task
  std::uint16_t slice = 0;    // of the unit
  Hash said{};                // what the worker says that the slice comes to; of a find its name
  Hash said_other{};          // and what the other says
  Amount held = 0;            // of the other's bond
  Hash record{};              // of one that matures
  std::uint16_t checked = 0;  // with the part: which units it has
  Hash seed{};
  std::array<std::uint8_t, 16> number{};  // of a find
  std::uint8_t what = 0;
  friend bool operator==(const DisputeEntry&, const DisputeEntry&) = default;
};
/// The slot of who has none in the job.
inline constexpr SlotId no_slot{0xffff'ffff};

/// What validators have found to be a find, under its name (find_digest).
struct FindEntry {
  AccountId account{};
  ChainKey worker{};
  TaskIndex task;
  std::uint16_t unit = 0;
  std::array<std::uint8_t, 16> number{};
  std::uint8_t what = 0;
  Height height;
  friend bool operator==(const FindEntry&, const FindEntry&) = default;
};

}  // namespace kith::codec
