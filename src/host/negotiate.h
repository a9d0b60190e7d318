// multistream-select 1.0 (libp2p specs/connections): two sides agree on one protocol before they
// use a connection or a stream. One object is one side of one negotiation.
//
// The dialling side sends the header and its first proposal together and does not wait between
// them; with a single proposal its user may send on at once behind it ("lazy", as go and rust do),
// because a refusal ends the stream anyway. "ls" is answered with "na", as rust and js do.
//
// Limits: 1024 bytes a message, `proposals_max` proposals; beyond them the peer is at fault.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"

namespace kith::host {

class Negotiator {
 public:
  static constexpr std::size_t proposals_max = 32;

  /// Proposes `protocols` in order; at least one.
  static Negotiator dialer(std::vector<std::string> protocols);
  /// Agrees to the first proposal that on_bytes' `is_known` accepts.
  static Negotiator listener();

  struct Progress {
    std::size_t taken = 0;              // all of the input, but for what follows the agreement
    std::optional<std::string> agreed;  // set once, at the end
  };
  /// Takes messages from the front of `bytes`, cut anywhere: the beginning of one is kept (at most
  /// 1026 bytes) until the rest comes. Errors: `malformed`, `too_large`, `protocol` for a
  /// broken negotiation, `unsupported` when the peer speaks none of our proposals.
  Result<Progress> on_bytes(ByteView bytes,
                            const std::function<bool(std::string_view)>& is_known = {});

  /// What must be sent next; empties it.
  Bytes take_output();
  /// A listener that has said "na": what comes now may be meant for the refused protocol.
  bool has_refused() const { return !is_dialer_ && proposals_ > 0; }

 private:
  Result<Progress> take(ByteView bytes, const std::function<bool(std::string_view)>& is_known);
  Result<std::optional<std::string>> on_reply(std::string_view text);
  Result<std::optional<std::string>> on_proposal(std::string_view text,
                                                 const std::function<bool(std::string_view)>&);

  bool is_dialer_ = false;
  bool header_seen_ = false;
  std::vector<std::string> protocols_;  // ours; empty for a listener
  std::size_t proposals_ = 0;           // made (dialler) or received (listener)
  Bytes partial_;                       // the beginning of a message
  Bytes output_;
};

}  // namespace kith::host
