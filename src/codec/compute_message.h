// Messages of /kith/compute/1.0.0: what workers, checkers and carriers ask each other off the
// chain. A stream carries one request and one answer. Nothing of it is believed: what is shown is
// checked against roots, a record against its name or its region's list, a statement by its
// signature. Grammar:
// docs/protocol/compute.md, "Off chain".
//
// Limits: 64 unit roots and 640 siblings shown, 256 statements, 160 KiB a message.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "codec/chain_record.h"

namespace kith::codec {

inline constexpr std::size_t compute_message_bytes_max = 160 * 1024;
inline constexpr std::size_t shown_siblings_max = 640;  // of 64 places in 1,024
inline constexpr std::size_t carried_statements_max = 256;

/// Show me the unit roots of the part that was checked.
struct ShowPart {
  JobId job;
  TaskIndex task;
  std::uint8_t pass = 1;
  std::uint8_t part = 0;
  friend bool operator==(const ShowPart&, const ShowPart&) = default;
};
struct WantRecord {
  Cid cid;
  friend bool operator==(const WantRecord&, const WantRecord&) = default;
};
/// Put these into a transaction, please.
struct CarryThese {
  std::vector<JobStatement> statements;  // 1 to carried_statements_max
  friend bool operator==(const CarryThese&, const CarryThese&) = default;
};
/// What whoever computes the task again has to show: its first pass' record, and its place.
struct WantFirst {
  JobId job;
  TaskIndex task;
  friend bool operator==(const WantFirst&, const WantFirst&) = default;
};
using ComputeRequest = std::variant<ShowPart, WantRecord, CarryThese, WantFirst>;

/// Unit roots, and their siblings under U (chain_merkle_many.h).
struct PartShown {
  std::vector<Hash> roots;
  std::vector<Hash> siblings;
  friend bool operator==(const PartShown&, const PartShown&) = default;
};
struct RecordGiven {
  Record record;
  friend bool operator==(const RecordGiven&, const RecordGiven&) = default;
};
struct StatementsTaken {
  std::uint16_t count = 0;  // of those that were handed over
  friend bool operator==(const StatementsTaken&, const StatementsTaken&) = default;
};
struct ComputeRefused {
  Code code = Code::refused;
  std::string why;  // 255 bytes at most; a longer one is cut when it is written
  friend bool operator==(const ComputeRefused&, const ComputeRefused&) = default;
};
struct FirstGiven {
  FirstPass first;
  friend bool operator==(const FirstGiven&, const FirstGiven&) = default;
};
using ComputeAnswer =
    std::variant<PartShown, RecordGiven, StatementsTaken, ComputeRefused, FirstGiven>;

Bytes encode(const ComputeRequest& request);
Result<ComputeRequest> decode_compute_request(ByteView bytes);
Bytes encode(const ComputeAnswer& answer);
Result<ComputeAnswer> decode_compute_answer(ByteView bytes);

}  // namespace kith::codec
