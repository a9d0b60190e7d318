// A host in a small world. The input plays strangers that send garbage or, after a true handshake,
// yamux bytes; peers that dial, break off and disconnect; and time that passes. TestHost asserts
// that ups and downs are paired; here, that limits hold and that nothing is left in the end.
#include <cstdint>

#include "host/test_host.h"
#include "host/test_raw_peer.h"
#include "input.h"

namespace {

using namespace kith;

using fuzz::Input;

struct Stranger {
  LinkId link;
  host::RawPeer peer;
  std::size_t heard = 0;
};

class World : public host::HostWorld {
 public:
  void play(Input input) {
    add();
    add();
    while (!input.rest.empty()) turn(input);
    for (const auto& stranger : strangers_) world.stranger_closes(0, stranger->link);
    for (const LinkId link : garbage_) world.stranger_closes(0, link);
    tell(0, host::ShutDown{});
    tell(1, host::ShutDown{});
    world.run_for(15s);
    for (const auto& each : hosts) {
      ASSERT(each->host.link_count() == 0 && each->up.empty() && each->streams.empty());
      ASSERT(each->stopped == 1);
    }
  }

 private:
  void turn(Input& input) {
    const std::uint8_t what = input.byte();
    switch (what & 7) {
      case 0:
        if (garbage_.size() < 20) garbage_.push_back(world.connect_stranger(0));
        break;
      case 1:
        if (garbage_.empty()) break;
        world.stranger_sends(0, garbage_[what / 8U % garbage_.size()],
                             base::to_bytes(input.bytes(input.byte())));
        break;
      case 2: connect(what / 8); break;
      case 3:
      case 4: send(what, input); break;
      case 5: dial(what >> 3 & 1, 1 - (what >> 3 & 1), ++token_); break;
      case 6:
        if ((what & 8) != 0) {
          world.break_link(what >> 4);
        } else {
          tell(0, host::Disconnect{hosts[1]->id()});
        }
        break;
      case 7: world.run_for(Duration(100ms) * (what >> 3)); break;
    }
    ASSERT(hosts[0]->host.link_count() <= 64);
  }
  void connect(std::uint8_t number) {
    if (strangers_.size() >= 8) return;
    const LinkId link = world.connect_stranger(0, "203.0.113." + std::to_string(number + 1));
    strangers_.push_back(std::make_unique<Stranger>(
        Stranger{link, host::RawPeer(static_cast<std::uint8_t>(100 + number))}));
    for (int i = 0; i < 3; ++i) {
      world.stranger_sends(0, link, strangers_.back()->peer.transmit());
      read(*strangers_.back());
    }
  }
  void read(Stranger& stranger) {
    const Bytes& all = world.stranger_received(stranger.link);
    stranger.peer.hear(ByteView(all).subspan(stranger.heard));
    stranger.heard = all.size();
  }
  void send(std::uint8_t what, Input& input) {
    if (strangers_.empty()) return;
    Stranger& stranger = *strangers_[what / 8U % strangers_.size()];
    if (!stranger.peer.is_up()) return;
    Bytes text;
    if ((what & 7) == 3) {
      const char* protocols[] = {"/echo", "/ipfs/id/1.0.0", "/ipfs/id/push/1.0.0", "/x"};
      codec::append_multistream(text, codec::multistream_header);
      codec::append_multistream(text, protocols[what >> 6]);
      base::append(text, input.bytes(input.byte()));
      text = host::yamux_data(input.byte() & 15, input.byte(), text);
    } else {
      text = base::to_bytes(input.bytes(input.byte()));
    }
    world.stranger_sends(0, stranger.link, stranger.peer.seal(text));
    read(stranger);
  }

  std::vector<std::unique_ptr<Stranger>> strangers_;
  std::vector<LinkId> garbage_;
  std::uint64_t token_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  World().play({{data, std::min<size_t>(size, 2048)}});
  return 0;
}
