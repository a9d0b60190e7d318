// What the tests of this folder share: a small WorldMachine that can echo, collect and flood, and
// a temporary folder. For *_test.cpp only.
#pragma once

#include <stdlib.h>

#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "host/world.h"
#include "rt/reactor.h"

namespace kith::rt {

/// Does with links what the test says, and remembers what the world said.
class TestWorld final : public host::WorldMachine {
 public:
  struct LinkState {
    Bytes outgoing;  // from `sent` on
    std::size_t sent = 0;
    Bytes received;  // when `collects`
    std::size_t received_bytes = 0;
    bool echoes = false;
    bool collects = true;
    bool refuses_bytes = false;
    std::size_t flood_left = 0;  // made up on demand, pattern_at(position)
    std::uint64_t flood_position = 0;
    std::size_t frame_bytes = 1;          // taken only in multiples of this
    std::size_t outgoing_max = SIZE_MAX;  // wants_bytes is false above it
  };

  static std::uint8_t pattern_at(std::uint64_t position) {
    return static_cast<std::uint8_t>((position * 0x9e3779b97f4a7c15ULL) >> 56);
  }

  void say(host::WorldOutput output) { outputs.push_back(std::move(output)); }
  void write(LinkId link, ByteView bytes) {
    base::append(links[link].outgoing, bytes);
    say(host::TransmitReady{link});
  }
  void flood(LinkId link, std::size_t bytes) {
    links[link].flood_left += bytes;
    say(host::TransmitReady{link});
  }
  static codec::Multiaddr address(const std::string& text) {
    return codec::Multiaddr::parse(text).value();
  }

  void on_input(Instant, host::WorldInput input) override {
    std::visit(Overload{
                   [&](host::LinkOpened& i) {
                     links.try_emplace(i.link);
                     if (on_opened) on_opened(i);
                     opened.push_back(std::move(i));
                   },
                   [&](host::LinkFailed& i) { failed.push_back(std::move(i)); },
                   [&](host::LinkClosed& i) {
                     if (on_closed) on_closed(i);
                     closed.push_back(std::move(i));
                   },
                   [&](host::Listening& i) {
                     if (on_listening) on_listening(i);
                     listening.push_back(std::move(i));
                   },
                   [&](host::ListenFailed& i) { listen_failed.push_back(std::move(i)); },
                   [&](host::Resolved& i) { resolved.push_back(std::move(i)); },
                   [&](host::PeersLoaded& i) { peers_loaded.push_back(std::move(i)); },
                   [&](host::QualityLoaded& i) { quality_loaded.push_back(std::move(i)); },
                   [&](host::SignaturesVerified& i) { verified.push_back(std::move(i)); },
                   [&](host::JobDone& i) { jobs_done.push_back(std::move(i)); },
                   [&](host::LogAppended& i) { appended.push_back(i.token); },
                   [&](host::ChainWritten& i) { chain_written.push_back(i.token); },
                   [&](host::ProofSaved& i) { proofs_saved.push_back(i.token); },
                   [&](host::SignerUp&) {
                     ++signer_ups;
                     if (on_signer_up) on_signer_up();
                   },
                   [&](host::SignerDown& i) { signer_downs.push_back(std::move(i)); },
                   [&](host::SignerSaid& i) { signer_said.push_back(std::move(i.frame)); },
                   [&](host::WallClock& i) { wall_clock = i.now; },
                   [&](host::SocketOpened& i) {
                     if (on_socket) on_socket(i);
                     sockets.push_back(std::move(i));
                   },
                   [&](host::SocketClosed& i) { sockets_closed.push_back(std::move(i)); },
               },
               input);
  }
  void on_deadline(Instant now) override {
    if (deadline && now >= *deadline) {
      deadline.reset();
      ++deadlines_met;
    }
  }
  std::optional<host::WorldOutput> poll_output(Instant) override {
    if (outputs.empty()) return std::nullopt;
    std::optional<host::WorldOutput> output(std::move(outputs.front()));
    outputs.pop_front();
    return output;
  }
  std::optional<Instant> next_deadline() override { return deadline; }

  std::size_t on_bytes(Instant, LinkId id, ByteSpan bytes) override {
    LinkState& link = links.at(id);
    const std::size_t taken = bytes.size() - bytes.size() % link.frame_bytes;
    const ByteView view(bytes.data(), taken);
    link.received_bytes += taken;
    if (link.collects) base::append(link.received, view);
    if (link.echoes && taken > 0) write(id, view);
    std::fill_n(bytes.data(), taken, std::uint8_t{0xee});  // opened in place
    if (on_taken) on_taken(id);
    return taken;
  }
  std::size_t poll_transmit(Instant, LinkId id, ByteSpan room) override {
    LinkState& link = links.at(id);
    ASSERT(room.size() >= host::link_transmit_bytes_min);
    if (link.flood_left > 0) {
      const std::size_t count = std::min(link.flood_left, room.size());
      for (std::size_t i = 0; i < count; ++i) room[i] = pattern_at(link.flood_position++);
      link.flood_left -= count;
      return count;
    }
    const std::size_t count = std::min(link.outgoing.size() - link.sent, room.size());
    std::copy_n(link.outgoing.data() + link.sent, count, room.data());
    link.sent += count;
    if (link.sent == link.outgoing.size()) {
      link.outgoing.clear();
      link.sent = 0;
    }
    return count;
  }
  bool wants_bytes(LinkId id) const override {
    const LinkState& link = links.at(id);
    const bool wants = !link.refuses_bytes && link.outgoing.size() - link.sent <= link.outgoing_max;
    if (!wants && on_refused) on_refused();
    return wants;
  }

  std::size_t on_datagrams(Instant, const base::DatagramsIn& in) override {
    return datagrams_in ? datagrams_in(in) : in.bytes.size();
  }
  base::DatagramsOut poll_datagrams(Instant, ByteSpan room) override {
    ASSERT(room.size() == host::datagrams_room_bytes);
    return datagrams_out ? datagrams_out(room) : base::DatagramsOut{};
  }

  std::deque<host::WorldOutput> outputs;
  std::map<LinkId, LinkState> links;
  std::vector<host::LinkOpened> opened;
  std::vector<host::LinkFailed> failed;
  std::vector<host::LinkClosed> closed;
  std::vector<host::Listening> listening;
  std::vector<host::ListenFailed> listen_failed;
  std::vector<host::SocketOpened> sockets;
  std::vector<host::SocketClosed> sockets_closed;
  std::vector<host::Resolved> resolved;
  std::vector<host::PeersLoaded> peers_loaded;
  std::vector<host::QualityLoaded> quality_loaded;
  std::vector<host::SignaturesVerified> verified;
  std::vector<host::JobDone> jobs_done;
  std::vector<Token> appended;
  std::vector<Token> chain_written, proofs_saved;
  int signer_ups = 0;
  std::vector<host::SignerDown> signer_downs;
  std::vector<Bytes> signer_said;
  std::function<void()> on_signer_up;
  std::optional<WallTime> wall_clock;
  std::optional<Instant> deadline;
  int deadlines_met = 0;
  std::function<void(const host::LinkOpened&)> on_opened;
  std::function<void(const host::LinkClosed&)> on_closed;
  std::function<void(const host::Listening&)> on_listening;
  std::function<void(const host::SocketOpened&)> on_socket;
  std::function<std::size_t(const base::DatagramsIn&)> datagrams_in;
  std::function<base::DatagramsOut(ByteSpan)> datagrams_out;
  std::function<void(LinkId)> on_taken;
  std::function<void()> on_refused;  // bytes were not wanted
};

/// Runs the reactor until `done`, or for 30 s; whether it was done.
inline bool run_until(Reactor& reactor, std::function<bool()> done) {
  bool was_done = false;
  reactor.set_after_turn([&] {
    if (!was_done && (was_done = done())) reactor.stop();
  });
  reactor.post_after(30s, [&] { reactor.stop(); });
  reactor.run();
  return was_done;
}

/// A folder of its own under the system's, removed at the end.
class TempDir {
 public:
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "kith-rt-XXXXXX").string();
    ASSERT(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace kith::rt
