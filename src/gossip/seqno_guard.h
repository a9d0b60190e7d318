// Refuses replays that the seen cache has forgotten (A27), by the seqno that authors count up. Two
// rules. `monotonic` is kubo's BasicSeqnoValidator: a seqno that is not above the author's highest
// is old; of two messages that overtake each other one is lost. `window` keeps what the seen cache
// guards anyway out of it: refused is what is not above the highest seqno of at least `epoch` ago,
// so messages may overtake each other by that long, and none that is older comes twice.
//
// What is exported and imported again after a restart refuses everything up to the export.
// Limits: `authors_max`; when full only authors silent for `idle_min` make room, so that new ids,
// which cost nothing, cannot push out those that are guarded; authors beyond it are not guarded.
#pragma once

#include <map>
#include <set>
#include <span>
#include <vector>

#include "base/ids.h"
#include "base/time.h"

namespace kith::gossip {

enum class SeqnoRule : std::uint8_t { none, window, monotonic };

struct SeqnoGuardConfig {
  SeqnoRule rule = SeqnoRule::window;
  std::size_t authors_max = 20'000;  // about 200 bytes each
  Duration epoch = 60s;              // half of SeenConfig::young_max: no gap between the two
  Duration idle_min = 3600s;
};

struct AuthorSeqno {
  PeerId author;
  std::uint64_t highest = 0;
  friend bool operator==(const AuthorSeqno&, const AuthorSeqno&) = default;
};

class SeqnoGuard {
 public:
  explicit SeqnoGuard(const SeqnoGuardConfig& config) : config_(config) {}

  /// May a message of this author and seqno still be new? Changes nothing.
  bool is_fresh(Instant now, const PeerId& author, std::uint64_t seqno) const;
  /// The message was verified and accepted. False when the author could not be guarded.
  bool mark(Instant now, const PeerId& author, std::uint64_t seqno);

  /// In the order of their ids.
  std::vector<AuthorSeqno> export_all() const;
  /// At most `max` of those that were marked since they were last taken; the others stay.
  std::vector<AuthorSeqno> take_changed(std::size_t max);
  void import(Instant now, std::span<const AuthorSeqno> authors);

  std::size_t size() const { return authors_.size(); }

 private:
  struct Author {
    std::uint64_t highest = 0;
    std::uint64_t last_epoch = 0;  // the highest when this epoch began
    std::uint64_t floor = 0;       // the highest when the last epoch began; not above is old
    bool has_last_epoch = false;
    bool has_floor = false;
    Instant epoch_began;
    Instant heard_at;
  };
  Author advanced(Instant now, Author author) const;
  bool make_room(Instant now);

  const SeqnoGuardConfig config_;
  std::map<PeerId, Author> authors_;
  std::set<std::pair<Instant, PeerId>> by_silence_;
  std::set<PeerId> changed_;  // of authors_
};

}  // namespace kith::gossip
