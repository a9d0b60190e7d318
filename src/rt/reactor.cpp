#include "rt/reactor.h"

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <chrono>
#include <thread>
#include <utility>

#include "base/machine.h"
#include "rt/reactor_impl.h"

namespace kith::rt {
namespace {

WallTime wall_now() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return {std::chrono::duration_cast<std::chrono::milliseconds>(since).count()};
}

}  // namespace

// A hint of 1: one thread runs the loop, others only post to it.
Reactor::Impl::Impl(host::WorldMachine& machine, ReactorConfig settings, Log& logger,
                    PeerStore* peer_store, QualityStore* quality_store, ChainDisk* chain_disk)
    : config(std::move(settings)),
      log(logger),
      peers(peer_store),
      quality(quality_store),
      chain(chain_disk),
      io(1),
      turns(io, machine, *this, stats),
      clock_timer(io),
      links(io, turns, config, log, stats),
      listeners(io, turns, links, config, log, stats),
      datagrams(io, turns, config, log, stats),
      resolver(io, config.dns_servers, config.resolve_max, log),
      inlet(std::make_shared<Inlet>()) {
  inlet->io = &io;
  if (config.signer) {
    ASSERT(config.identity != nullptr);
    signer = std::make_unique<SignerLink>(io, turns, *config.signer, *config.identity);
  }
}

Reactor::Impl::~Impl() {
  const std::lock_guard lock(inlet->mutex);
  inlet->io = nullptr;
}

void Reactor::Impl::perform(host::WorldOutput output) {
  std::visit(Overload{
                 [&](const host::Listen& o) { listen(o); },
                 [&](const host::StopListening& o) { stop_listening(o); },
                 [&](host::DialLink& o) { links.dial(o.link, o.address, o.timeout); },
                 [&](host::CloseLink& o) { links.close(o.link, o.flush); },
                 [&](host::TransmitReady& o) { links.transmit_ready(o.link); },
                 [&](host::Resolve& o) { resolve(o); },
                 [&](host::LoadPeers&) { load_peers(); },
                 [&](host::StorePeer& o) {
                   if (peers != nullptr) peers->store(std::move(o.peer));
                 },
                 [&](host::ForgetPeer& o) {
                   if (peers != nullptr) peers->forget(o.peer);
                 },
                 [&](host::LoadQuality&) { load_quality(); },
                 [&](host::StoreQuality& o) {
                   if (quality != nullptr) quality->store(std::move(o.quality));
                 },
                 [&](host::StoreSeqnos& o) {
                   if (quality != nullptr) quality->store_seqnos(std::move(o.seqnos));
                 },
                 [&](host::ForgetQuality& o) {
                   if (quality != nullptr) quality->forget(o.peer);
                 },
                 [&](host::VerifySignatures& o) { verify(std::move(o)); },
                 [&](host::RunJob& o) { run_job(std::move(o)); },
                 [&](host::AppendLog& o) { append_log(std::move(o)); },
                 [&](host::WriteChain& o) { write_chain(std::move(o)); },
                 [&](host::SaveProof& o) { save_proof(std::move(o)); },
                 [&](const host::TellSigner& o) {
                   if (signer) signer->tell(o.frame);
                 },
                 [&](const host::LeaveSigner&) {
                   if (signer) signer->leave();
                 },
                 [&](const host::DatagramsReady&) { datagrams.ready(); },
             },
             output);
}

void Reactor::Impl::listen(const host::Listen& listen) {
  const auto local = host::as_datagram_address(listen.address);
  if (local) return datagrams.listen(listen.address, *local);
  listeners.listen(listen.address);
}

void Reactor::Impl::stop_listening(const host::StopListening& stop) {
  if (!datagrams.stop(stop.bound)) listeners.stop(stop.bound);
}

// --- the loop ------------------------------------------------------------------------------------

void Reactor::Impl::serve() {
  SpinHistory history(std::chrono::microseconds(config.spin_us));
  while (!io.stopped()) {
    if (datagrams.is_hot()) {
      history.wait_ends(turns.now());  // the packets that made it so
      serve_hot(history);
    }
    io.run_one();
  }
}

// While packets come: sockets, a few of the other things at hand, sockets again. When nothing comes
// any more, the sockets go back to the event queue, after a while or at once.
void Reactor::Impl::serve_hot(SpinHistory& history) {
  constexpr int others_max = 16;
  constexpr int asks_spinning = 4;  // the event queue costs twice as much to ask
  std::optional<Instant> gives_up;
  while (!io.stopped()) {
    bool is_any = datagrams.receive();
    for (int asks = 1; gives_up && !is_any && asks < asks_spinning; ++asks) {
      is_any = datagrams.receive();
    }
    if (is_any) {
      if (gives_up) ++stats.spins_won;
      gives_up.reset();
      history.wait_ends(turns.now());
    }
    int others = 0;
    while (others < others_max && io.poll_one() > 0) ++others;
    if (is_any || others > 0) continue;
    const Instant now = steady_now();
    history.wait_begins(now);
    if (!history.is_worth_it() || (gives_up && now >= *gives_up)) break;
    if (gives_up) continue;
    gives_up = now + history.longest();
    ++stats.spins;
  }
  datagrams.cool_down();
}

void Reactor::Impl::resolve(const host::Resolve& question) {
  ++stats.resolves;
  resolver.resolve(question.address, [this, token = question.token](auto addresses) {
    turns.input(host::Resolved{token, std::move(addresses)});
  });
}

void Reactor::Impl::load_peers() {
  if (peers == nullptr) return turns.input(host::PeersLoaded{});
  peers->load([this, way_in = inlet](std::vector<host::StoredPeer> found) {
    way_in->post([this, found = std::move(found)]() mutable {
      turns.input(host::PeersLoaded{std::move(found)});
    });
  });
}

void Reactor::Impl::load_quality() {
  if (quality == nullptr) return turns.input(host::QualityLoaded{});
  quality->load([this, way_in = inlet](host::QualityLoaded found) {
    way_in->post([this, found = std::move(found)]() mutable { turns.input(std::move(found)); });
  });
}

WorkerPool& Reactor::Impl::pool() {
  if (!workers) {
    const std::size_t processors = std::max(2U, std::thread::hardware_concurrency());
    workers = std::make_unique<WorkerPool>(
        *self, WorkerPoolConfig{config.workers > 0 ? config.workers : processors - 1});
  }
  return *workers;
}

void Reactor::Impl::verify(host::VerifySignatures work) {
  auto job = std::make_shared<host::VerifySignatures>(std::move(work));
  const auto queued = pool().submit([this, job] {
    return [this, verified = host::verify_signatures(*job)] { turns.input(verified); };
  });
  // Too much of it: then this thread, too, can do nothing more urgent.
  if (!queued) turns.input(host::verify_signatures(*job));
}

void Reactor::Impl::run_job(host::RunJob work) {
  const auto queued = pool().submit([this, work] {
    work.job->run();
    return [this, work] { turns.input(host::JobDone{work.token, work.job}); };
  });
  if (queued) return;
  work.job->run();
  turns.input(host::JobDone{work.token, std::move(work.job)});
}

void Reactor::Impl::append_log(host::AppendLog append) {
  ASSERT(chain != nullptr);
  chain->append(std::move(append), [this, way_in = inlet](Token token) {
    way_in->post([this, token] { turns.input(host::LogAppended{token}); });
  });
}

void Reactor::Impl::write_chain(host::WriteChain write) {
  ASSERT(chain != nullptr);
  chain->write(std::move(write), [this, way_in = inlet](Token token) {
    way_in->post([this, token] { turns.input(host::ChainWritten{token}); });
  });
}

void Reactor::Impl::save_proof(host::SaveProof save) {
  ASSERT(chain != nullptr);
  chain->save(std::move(save), [this, way_in = inlet](Token token) {
    way_in->post([this, token] { turns.input(host::ProofSaved{token}); });
  });
}

void Reactor::Impl::tell_wall_clock() {
  turns.input(host::WallClock{wall_now()});
  clock_timer.expires_after(clock_interval);
  clock_timer.async_wait([this](ErrorCode error) {
    if (!error) tell_wall_clock();
  });
}

Reactor::Reactor(host::WorldMachine& machine, ReactorConfig config, Log& log, PeerStore* peers,
                 QualityStore* quality, ChainDisk* chain)
    : impl_(std::make_unique<Impl>(machine, std::move(config), log, peers, quality, chain)) {
  impl_->self = this;
}

Reactor::~Reactor() = default;

void Reactor::run() {
  ASSERT(!std::exchange(impl_->has_run, true));
  const auto work = asio::make_work_guard(impl_->io);
  impl_->tell_wall_clock();
  if (impl_->signer) impl_->signer->start();
  impl_->serve();
  impl_->clock_timer.cancel();
  impl_->turns.cancel();
}

void Reactor::stop() { impl_->io.stop(); }

void Reactor::post(std::function<void()> work) {
  asio::post(impl_->io, [impl = impl_.get(), work = std::move(work)] {
    impl->turns.run([&](Instant) { work(); });
  });
}

void Reactor::turn(const std::function<void()>& work) {
  impl_->turns.run([&](Instant) { work(); });
}

void Reactor::post_after(Duration after, std::function<void()> work) {
  asio::post(impl_->io, [impl = impl_.get(), after, work = std::move(work)]() mutable {
    auto timer = std::make_shared<Timer>(impl->io);
    timer->expires_after(after);
    timer->async_wait([impl, timer, work = std::move(work)](ErrorCode error) {
      if (!error) impl->turns.run([&](Instant) { work(); });
    });
  });
}

Instant Reactor::now() const { return steady_now(); }
Instant Reactor::turn_now() const { return impl_->turns.now(); }

void Reactor::set_after_turn(std::function<void()> after_turn) {
  impl_->turns.set_after_turn(std::move(after_turn));
}

const ReactorStats& Reactor::stats() const { return impl_->stats; }

}  // namespace kith::rt
