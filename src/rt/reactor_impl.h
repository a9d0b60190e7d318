// The parts of a reactor, joined. Internal to rt: other files of this folder reach the io_context
// through it, so that all run on the one thread.
#pragma once

#include <memory>
#include <mutex>
#include <utility>

#include "rt/asio.h"
#include "rt/links.h"
#include "rt/listeners.h"
#include "rt/reactor.h"
#include "rt/reactor_datagrams.h"
#include "rt/resolver.h"
#include "rt/signer_link.h"
#include "rt/turns.h"
#include "rt/worker_pool.h"

namespace kith::rt {

/// The way in for answers of other threads that may come when the reactor has gone.
struct Inlet {
  std::mutex mutex;
  asio::io_context* io = nullptr;  // null once the reactor ends

  template <class Work>
  void post(Work&& work) {
    const std::lock_guard lock(mutex);
    if (io != nullptr) asio::post(*io, std::forward<Work>(work));
  }
};

struct Reactor::Impl final : TurnWorld {
  Impl(host::WorldMachine& machine, ReactorConfig settings, Log& logger, PeerStore* peer_store,
       QualityStore* quality_store, ChainDisk* chain_disk);
  ~Impl() override;

  void perform(host::WorldOutput output) override;
  bool transmit(Instant now) override {
    const bool was_link = links.transmit(now);
    return datagrams.transmit(now) || was_link;
  }
  std::optional<Instant> next_deadline() override { return links.next_deadline(); }
  void on_deadline(Instant now) override { links.on_deadline(now); }

  /// Turns until the io_context is stopped.
  void serve();
  void serve_hot(SpinHistory& history);
  void listen(const host::Listen& listen);
  void stop_listening(const host::StopListening& stop);
  void resolve(const host::Resolve& question);
  void load_peers();
  void load_quality();
  void verify(host::VerifySignatures work);
  void run_job(host::RunJob work);
  void append_log(host::AppendLog append);
  void write_chain(host::WriteChain write);
  void save_proof(host::SaveProof save);
  WorkerPool& pool();
  /// Now, and again each `clock_interval`: clocks are set, and machines sleep.
  void tell_wall_clock();

  static constexpr Duration clock_interval = 10s;

  // Destroyed from the bottom: sockets and timers before the io_context that serves them.
  ReactorConfig config;
  Log& log;
  PeerStore* peers;
  QualityStore* quality;
  ChainDisk* chain;
  ReactorStats stats;
  asio::io_context io;
  Turns turns;
  Timer clock_timer;
  Links links;
  Listeners listeners;
  Datagrams datagrams;
  Resolver resolver;
  std::shared_ptr<Inlet> inlet;
  bool has_run = false;
  Reactor* self = nullptr;
  std::unique_ptr<SignerLink> signer;   // null: the key is here, or nowhere
  std::unique_ptr<WorkerPool> workers;  // before all else goes
};

}  // namespace kith::rt
