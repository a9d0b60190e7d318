// The lines that Kith and an external worker program exchange on its standard input and output:
// docs/protocol/external-workload.md. Text of printable ASCII, one space between words, a newline
// behind each; bytes are lower-case hexadecimal, none of them "-".
//
//   kith-work 1                        the program's first line
//   run PARAMS TASK UNIT SLICE         to it, one at a time
//   progress DONE OF                   from it, at any time within its turn
//   result BYTES / error TEXT          from it: ends the turn
//
// One encoding a line, a decoder takes no other. Limits: external_line_bytes_max without the
// newline; a result of result_bytes_max bytes; a text of external_error_bytes_max characters.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "compute/workload.h"

namespace kith::compute {

inline constexpr std::size_t external_line_bytes_max = 16 * 1024;
inline constexpr std::size_t external_error_bytes_max = 500;
inline constexpr std::uint32_t external_protocol_version = 1;

struct ExternalHello {
  std::uint32_t version = external_protocol_version;
  friend bool operator==(const ExternalHello&, const ExternalHello&) = default;
};
struct ExternalRun {
  Bytes params;
  TaskIndex task;
  std::uint32_t unit = 0;
  std::uint32_t slice = 0;
  friend bool operator==(const ExternalRun&, const ExternalRun&) = default;
};
struct ExternalProgress {
  std::uint64_t done = 0;
  std::uint64_t of = 0;  // at least done
  friend bool operator==(const ExternalProgress&, const ExternalProgress&) = default;
};
struct ExternalResult {
  Bytes result;
  friend bool operator==(const ExternalResult&, const ExternalResult&) = default;
};
struct ExternalError {
  std::string text;
  friend bool operator==(const ExternalError&, const ExternalError&) = default;
};
using ExternalLine =
    std::variant<ExternalHello, ExternalRun, ExternalProgress, ExternalResult, ExternalError>;

/// Without the newline. REQUIRES: within the limits.
std::string encode(const ExternalLine& line);
/// `malformed`, `too_large`; the sentence shows the beginning of the line.
Result<ExternalLine> decode_external_line(std::string_view line);

}  // namespace kith::compute
