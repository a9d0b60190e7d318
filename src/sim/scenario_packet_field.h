// Many sessions at once between some nodes, until so many have carried all they had to, in any
// weather that befalls their paths: loss, bursts of it, duplicates, packets out of order, jitter,
// slow wires, turned bits, small MTUs, NATs that forget, moves, partitions that heal or do not,
// processes that die and begin anew, attackers.
//
// Checked beside what a play checks (scenario_packet_play.h): nobody takes a peer for another one;
// both ends have the same session; a session fails only where its weather explains it, and never
// because a peer would have spoken wrongly; all of it ends; limits hold; afterwards nothing is
// left.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/scenario_packet_attack.h"
#include "sim/scenario_packet_net.h"
#include "sim/scenario_packet_play.h"

namespace kith::sim {

struct PacketFieldConfig {
  std::uint32_t nodes = 24;
  std::uint64_t sessions = 200;  // that carry all they have
  std::uint32_t at_once = 200;
  std::uint64_t seed = 1;
  std::uint64_t bytes = 1 << 20;  // of each session, at least
  bool has_attacks = true;
  /// On average, some process dies; zero: none does.
  Duration restart_pause = 10s;
  bool is_canary = false;  // one byte is written wrong, which must be noticed
  /// Timeouts after a side has moved or its NAT forgot, and of a handshake with a ticket, are
  /// counted and forgiven: a move gives up after six questions, and tells nobody.
  bool forgives_moves = true;
};

struct PacketViolation {
  std::string invariant, what;
  Instant at;
};

struct PacketFieldFigures {
  PacketTotals totals;
  std::uint64_t begun = 0, whole = 0, closed_early = 0, aborted = 0, failed = 0, never_up = 0;
  std::uint64_t resumed = 0, resumptions_asked = 0, rotations = 0, resets = 0, restarts = 0;
  std::uint64_t packets_sent = 0, packets_lost = 0, packets_spurious = 0, packets_resent = 0;
  std::uint64_t packets_dropped = 0, path_changes = 0, wrong_identities = 0;
  std::uint64_t forgiven = 0, cuts = 0, rebinds = 0, moves = 0, bursts = 0;
  std::uint64_t strangers = 0;  // accepted, and never more than a half-open handshake
  std::uint64_t connections_max = 0, violations = 0;
};

class PacketField final : private PacketApp {
 public:
  static constexpr std::size_t violations_max = 32;

  explicit PacketField(const PacketFieldConfig& config);
  ~PacketField() override;

  void run();

  const PacketFieldFigures& figures() const { return figures_; }
  const std::vector<PacketViolation>& violations() const { return violations_; }
  const PacketNet& net() const { return *net_; }
  PacketNet& net() { return *net_; }
  double virtual_seconds() const {
    return std::chrono::duration<double>(net_->now() - began_).count();
  }
  std::uint64_t attacks() const { return attacker_->sent(); }
  std::uint64_t half_open() const { return attacker_->half_open(); }

 private:
  enum class Ending : std::uint8_t { one_closes, both_close, early, abort, impostor };
  struct Weather {
    std::array<LinkModel, 2> model;  // from side 0, from side 1
    bool has_bursts = false, has_cuts = false, has_rebinds = false, has_moves = false;
    bool heals = true, changes_mtu = false, mover_is_initiator = true;
    bool is_harsh = false;
    bool is_bursting = false;
    std::optional<PartitionId> cut;
    Instant until;  // burst or cut
    Instant rebinds_after, moves_after, mtu_after;
  };
  struct Session {
    std::unique_ptr<PacketPlay> play;
    std::uint32_t generation = 0;
    std::array<std::uint32_t, 2> nodes{};
    std::array<packet::ConnectionSlot, 2> slots{};
    std::array<bool, 2> was_up{}, is_over{}, has_failed{};
    std::array<std::optional<crypto::Hash256>, 2> id;
    Weather weather;
    Ending ending = Ending::one_closes;
    bool is_resumption = false, wants_resumption = false;
    bool is_closing = false, is_excused = false, was_cut = false, has_moved = false;
    std::uint32_t closer = 0;
    Instant began;
    std::optional<Instant> crashed_at, initiator_over_at;
    SeededRng rng{0};
  };

  // --- nodes say ---
  void on_up(PacketNode& node, packet::ConnectionSlot slot, std::uint32_t tag, Direction direction,
             const secure::SessionEstablished& session) override;
  void on_service(PacketNode& node, packet::ConnectionSlot slot, std::uint32_t tag,
                  packet::ServicesOutput& output) override;
  void on_end(PacketNode& node, packet::ConnectionSlot slot, std::uint32_t tag,
              const std::optional<Error>& error) override;
  void count(const PacketNode& node, packet::ConnectionSlot slot);
  void judge_end(Session& session, std::uint32_t side, const std::optional<Error>& error);

  std::string describe(const Session& session) const;

  // --- sessions ---
  static std::uint32_t tag_of(std::uint32_t place, std::uint32_t side) { return place * 2 + side; }
  void begin(std::uint32_t place);
  void begin_between(std::uint32_t place, std::uint32_t a, std::uint32_t b, bool is_resumption);
  void draw(Session& session);
  Weather draw_weather(Rng& rng);
  void on_chore(std::uint32_t place);
  bool is_finished(const Session& session) const;
  void finish(std::uint32_t place);
  void act(Session& session);
  void end_session(Session& session);
  void say(Session& session, std::uint32_t side, packet::Connection::Input input);
  bool has_sessions_left() const { return figures_.whole + active_ < config_.sessions; }

  // --- weather (scenario_packet_weather.cpp) ---
  void set_paths(Session& session);
  void set_mtus(Session& session);
  void blow(Session& session);
  void change_path(Session& session);
  void cut(Session& session);

  // --- the field ---
  void on_tick();
  void restart(std::uint32_t node);
  void check_bounds();
  void check_left_over();
  void complain(const char* invariant, std::string what);

  PacketFieldConfig config_;
  PacketNetConfig net_config_;
  PacketPlay::Complain complain_;
  PacketPattern pattern_;
  SeededRng rng_;
  std::unique_ptr<PacketNet> net_;
  std::unique_ptr<PacketAttacker> attacker_;
  std::vector<Session> sessions_;
  std::vector<bool> pairs_;                       // in use
  std::map<crypto::Hash256, std::uint32_t> ids_;  // of sessions that an initiator has: their place
  std::uint32_t active_ = 0;
  bool is_over_ = false;
  Instant began_;
  std::uint32_t current_ = ~0U;
  PacketFieldFigures figures_;
  std::vector<PacketViolation> violations_;
};

}  // namespace kith::sim
