#include "node/worker_peers.h"

#include "crypto/ed25519_zip215.h"
#include "ledger/accounts.h"

namespace kith::node {

using gossip::Verdict;

WorkerPeers::WorkerPeers(const Hash& genesis) : genesis_(genesis) {
  constexpr std::size_t name_bytes = 8;
  topic_ = "/kith/compute/1/" + base::to_hex(ByteView(genesis).first(name_bytes));
}

void WorkerPeers::on_final(Height height) {
  height_ = height;
  std::erase_if(known_,
                [&](const auto& one) { return one.second.height.value + life < height.value; });
}

void WorkerPeers::on_message(Token token, ByteView bytes, const ledger::Entries& entries) {
  const Verdict verdict = judge(bytes, entries);
  switch (verdict) {
    case Verdict::accept: ++stats_.heard; break;
    case Verdict::ignore: ++stats_.ignored; break;
    case Verdict::reject: ++stats_.refused; break;
  }
  outputs_.push_back(Judged{token, verdict});
}

Verdict WorkerPeers::judge(ByteView bytes, const ledger::Entries& entries) {
  const auto said = codec::decode_worker_peer(bytes);
  if (!said) return Verdict::reject;
  const std::uint64_t height = said->height.value;
  const auto known = known_.find(said->worker);
  const bool is_now =
      height <= height_.value + blocks_off_max && height + blocks_off_max >= height_.value;
  const bool is_soon = known != known_.end() && height < known->second.height.value + interval / 2;
  const bool has_room = known != known_.end() || known_.size() < peers_max;
  // Nobody is to blame: it may have been news where it came from.
  if (!is_now || is_soon || !has_room || !ledger::find_worker(entries, said->worker)) {
    return Verdict::ignore;
  }
  const Hash message = codec::worker_peer_message(genesis_, *said);
  if (!crypto::verify_zip215(said->worker, message, said->signature)) return Verdict::reject;
  known_.insert_or_assign(said->worker, Known{said->peer, said->height});
  return Verdict::accept;
}

void WorkerPeers::say(const codec::WorkerPeer& said) {
  said_at_ = height_;
  ++stats_.said;
  known_.insert_or_assign(said.worker, Known{said.peer, said.height});
  outputs_.push_back(Say{codec::encode(said)});
}

const PeerId* WorkerPeers::peer_of(const ChainKey& worker) const {
  const auto at = known_.find(worker);
  return at == known_.end() ? nullptr : &at->second.peer;
}

std::optional<WorkerPeers::Output> WorkerPeers::poll_output() {
  if (outputs_.empty()) return std::nullopt;
  return outputs_.pop_front();
}

}  // namespace kith::node
