// A node's tickets against the input: made-up ones never open, altered ones neither, true ones open
// until they are used, and what is kept stays within its bounds. Each step is an operation's byte
// and what it needs.
#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "base/rng.h"
#include "codec/peer_id.h"
#include "crypto/key.h"
#include "input.h"
#include "secure/session_ticket.h"

namespace {

using namespace kith;
using secure::SessionSecret;
using secure::Tickets;

PeerId peer_of(std::uint8_t number) {
  static const std::vector<PeerId> all = [] {
    std::vector<PeerId> made;
    for (std::uint8_t i = 0; i < 4; ++i) {
      std::array<std::uint8_t, 32> seed{};
      seed.fill(i);
      made.push_back(codec::peer_id_of(crypto::KeyPair::from_seed(seed).public_key()));
    }
    return made;
  }();
  return all[number % all.size()];
}

struct Issued {
  Bytes ticket;
  std::uint8_t own, holder, fill;
  Instant when;
  bool is_used = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input{{data, size}};
  SeededRng rng(1);
  Tickets tickets(1u + input.byte());
  std::vector<Issued> issued;
  Instant now{};
  for (int step = 0; step < 300 && !input.rest.empty(); ++step) {
    const std::uint8_t what = input.byte() % 6;
    const std::uint8_t which = input.byte();
    if (what == 0) {
      const std::uint8_t own = which & 3;
      const std::uint8_t holder = which >> 2 & 3;
      const SessionSecret secret = SessionSecret::copy_of(Bytes(32, which));
      issued.push_back({tickets.issue(now, peer_of(own), peer_of(holder), secret, rng), own, holder,
                        which, now});
    } else if (what == 1) {
      const Bytes made_up = base::to_bytes(input.bytes(which));
      ASSERT(!tickets.open(now, peer_of(which), made_up).has_value());
    } else if (what == 2 && !issued.empty()) {
      Bytes bent = issued[which % issued.size()].ticket;
      const std::uint8_t change = input.byte();
      bent[input.byte() % bent.size()] ^= change;
      const bool opens =
          tickets.open(now, peer_of(issued[which % issued.size()].own), bent).has_value();
      ASSERT(change == 0 || !opens);
    } else if (what == 3 && !issued.empty()) {
      Issued& one = issued[which % issued.size()];
      const auto opened = tickets.open(now, peer_of(one.own), one.ticket);
      ASSERT(!tickets.open(now, peer_of(one.own + 1), one.ticket).has_value());
      if (!opened) continue;
      ASSERT(!one.is_used && now - one.when < Tickets::lifetime);
      ASSERT(opened->holder == peer_of(one.holder) && opened->secret.view()[31] == one.fill);
      if (input.byte() % 2 == 0) continue;
      ASSERT(tickets.use(*opened) && !tickets.use(*opened));
      one.is_used = true;
    } else if (what == 4) {
      now += Duration(1h) * (which % 8);
    } else if (which % 2 == 0) {
      tickets.keep(now, peer_of(which >> 1),
                   Bytes(input.byte() % 2 == 0 ? secure::ticket_bytes : 9),
                   SessionSecret::copy_of(Bytes(32, which)));
      ASSERT(tickets.kept() <= 4 * Tickets::kept_a_peer_max);
    } else if (const auto kept = tickets.take(now, peer_of(which >> 1))) {
      ASSERT(kept->ticket.size() == secure::ticket_bytes && kept->secret.size() == 32);
    }
  }
  return 0;
}
