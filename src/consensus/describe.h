// What consensus says and remembers, in words, for people: votes, certificates, records of the log,
// and what an engine waits for. Nothing reads these again.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "consensus/log_record.h"
#include "consensus/view_votes.h"

namespace kith::consensus {

/// "notarize 1a2b3c4d5e6f7081 at view 7 on view 6", "nullify view 7".
std::string describe(const codec::Statement& statement);
/// With the weight behind it when the validators are known.
std::string describe(const codec::Certificate& certificate, const codec::ValidatorSet* validators);
std::string describe(const LogRecord& record);

/// One view that is not final yet.
struct ViewReport {
  codec::View view;
  codec::ValidatorIndex leader = 0;
  std::optional<codec::Hash> proposed;
  bool is_proposal_wrong = false;
  std::vector<codec::Vote> votes;  // by signer, then kind
  std::vector<CertificatePtr> certificates;
};
/// A timer that runs, and how long it still has; negative: it is due.
struct TimerReport {
  std::string what;
  Duration left{0};
};
struct EngineReport {
  codec::Epoch epoch;
  codec::View view;
  codec::ValidatorIndex leader = 0;
  Duration in_view{0};  // for so long
  codec::View final_view;
  codec::Height final_height;
  std::vector<ViewReport> views;
  std::vector<TimerReport> timers;
  std::vector<codec::Hash> missing;  // certified blocks that are asked for
  std::size_t pending = 0;           // messages whose signatures are being checked
  bool is_halted = false;
  /// What it waits for, in a sentence.
  std::string waits_for;
};

}  // namespace kith::consensus
