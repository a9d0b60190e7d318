// World: events to turns, and what a turn brings forth.
#include <algorithm>

#include "sim/world.h"
#include "sim/world_node.h"

namespace kith::sim {
namespace {

/// Reading a small store from a warm disk.
constexpr Duration load_takes = 1ms;

/// One signature, on a worker that has nothing else to do.
constexpr Duration verify_takes = std::chrono::microseconds(50);

/// Deadlines of machines that mean "never"; beyond, offsets could overflow.
constexpr Instant far_future = Instant{Instant::duration::max() / 2};

}  // namespace

void World::dispatch(const Event& event) {
  switch (event.kind) {
    case EventKind::action: return run_action(event.payload);
    case EventKind::timer:
    case EventKind::input:
    case EventKind::arrival:
    case EventKind::writable:
    case EventKind::readable:
      // The process; its host's kernel does the rest even while it is paused.
      if (nodes_[event.node]->is_paused) {
        nodes_[event.node]->deferred.push_back(event);
        return;
      }
      break;
    case EventKind::retry:
    case EventKind::syn:
    case EventKind::syn_ack:
    case EventKind::syn_refused:
    case EventKind::syn_retry:
    case EventKind::dial_timeout:
    case EventKind::flush_timeout: break;
    case EventKind::datagram: return datagrams_.on_event(now_, event);
  }
  if (event.kind == EventKind::readable) return read_socket(event);
  if (event.kind == EventKind::timer) return on_timer(event);
  if (event.kind == EventKind::input) return on_input(event);
  const NetworkTask task = network_.on_event(now_, event);
  switch (task.kind) {
    case NetworkTask::Kind::none: return;
    case NetworkTask::Kind::read: return read_link(event.node, task.link);
    case NetworkTask::Kind::write: ready_.push_back(task.link); return finish_turn(event.node);
  }
}

void World::on_timer(const Event& event) {
  Node& node = *nodes_[event.node];
  if (event.link != node.timer_generation || node.machine == nullptr) return;
  node.timer_at.reset();
  if (!node.deadline || *node.deadline > now_) return arm(event.node);
  ++report_.timers;
  node.machine->on_deadline(local_now(event.node));
  finish_turn(event.node);
}

void World::on_input(const Event& event) {
  host::WorldInput input = inputs_.take(event.payload);
  Node& node = *nodes_[event.node];
  if (!node.is_awake(event.link)) return;
  // The machine closed the link while this was on its way; LinkClosed comes instead.
  const auto* opened = std::get_if<host::LinkOpened>(&input);
  if (opened != nullptr && !network_.find(event.node, opened->link) &&
      opened->direction == Direction::outbound) {
    return;
  }
  ++report_.inputs;
  node.chain.settle(now_);
  node.machine->on_input(local_now(event.node), std::move(input));
  finish_turn(event.node);
}

void World::drain(std::uint32_t index) {
  Node& node = *nodes_[index];
  const Instant local = local_now(index);
  std::size_t count = 0;
  while (auto output = node.machine->poll_output(local)) {
    ASSERT(++count <= base::turn_outputs_max);
    perform(index, std::move(*output));
  }
  report_.outputs += count;
}

void World::finish_turn(std::uint32_t index) {
  Node& node = *nodes_[index];
  const Instant local = local_now(index);
  bool was_serving = false;
  std::size_t rounds = 0;
  do {  // sending makes room, which may call forth more outputs
    ASSERT(++rounds <= base::turn_outputs_max);
    drain(index);
    serving_.swap(ready_);
    for (const LinkRef link : serving_) transmit(node, link);
    was_serving = !serving_.empty() || node.datagrams_ready;
    serving_.clear();
    if (node.datagrams_ready) transmit_datagrams(index);
  } while (was_serving);
  node.deadline = node.machine->next_deadline();
  if (node.deadline) *node.deadline = std::min(*node.deadline, far_future);
  if (node.deadline) *node.deadline -= node.clock.instant_offset;
  arm(index);
  ++report_.turns;
  if (after_turn_) after_turn_(index, *node.machine, local);
}

void World::perform(std::uint32_t index, host::WorldOutput output) {
  Node& node = *nodes_[index];
  trace_.add(index, output.index());
  std::visit(Overload{
                 [&](host::Listen& listen) {
                   const auto local = host::as_datagram_address(listen.address);
                   if (local) return datagrams_.listen(now_, index, listen.address, *local);
                   network_.listen(now_, index, listen.address);
                 },
                 [&](host::StopListening& stop) {
                   if (datagrams_.stop_listening(now_, index, stop.bound)) return;
                   network_.stop_listening(index, stop.bound);
                 },
                 [&](host::DatagramsReady&) { node.datagrams_ready = true; },
                 [&](host::DialLink& dial) { network_.dial(now_, index, dial); },
                 [&](host::CloseLink& close) {
                   if (const auto link = network_.close(now_, index, close))
                     ready_.push_back(*link);
                 },
                 [&](host::TransmitReady& ready) {
                   const auto link = network_.find(index, ready.link);
                   if (link && network_.set_ready(*link)) ready_.push_back(*link);
                 },
                 [&](host::Resolve& resolve) {
                   inputs_.post(now_ + config_.resolve_takes, index, node.incarnation,
                                host::Resolved{resolve.token, names_.resolve(resolve.address)});
                 },
                 // No node here has its key elsewhere.
                 [](host::TellSigner&) {},
                 [](host::LeaveSigner&) {},
                 [&](host::LoadPeers&) {
                   inputs_.post(now_ + load_takes, index, node.incarnation,
                                host::PeersLoaded{node.peers.all()});
                 },
                 [&](host::StorePeer& store) { node.peers.store(now_, std::move(store.peer)); },
                 [&](host::ForgetPeer& forget) { node.peers.forget(now_, forget.peer); },
                 [&](host::LoadQuality&) {
                   host::QualityLoaded loaded;
                   for (const auto& [peer, quality] : node.quality) loaded.peers.push_back(quality);
                   for (const auto& [author, n] : node.seqnos) loaded.seqnos.push_back({author, n});
                   inputs_.post(now_ + load_takes, index, node.incarnation, std::move(loaded));
                 },
                 [&](host::StoreQuality& store) {
                   node.quality[store.quality.peer] = std::move(store.quality);
                 },
                 [&](host::ForgetQuality& forget) { node.quality.erase(forget.peer); },
                 [&](host::StoreSeqnos& store) {
                   for (const auto& each : store.seqnos) {
                     std::uint64_t& highest = node.seqnos[each.author];
                     highest = std::max(highest, each.highest);
                   }
                 },
                 [&](host::VerifySignatures& work) {
                   const auto count = static_cast<std::int64_t>(work.jobs.size());
                   inputs_.post(now_ + count * verify_takes, index, node.incarnation,
                                host::verify_signatures(work));
                 },
                 [&](auto& work) { perform_chain(index, work); },
             },
             output);
}

// At once: what the job reads is as it was when it was asked for, which is all that is promised.
void World::perform_chain(std::uint32_t index, host::RunJob& work) {
  const Node& node = *nodes_[index];
  work.job->run();
  inputs_.post(now_ + node.job_takes, index, node.incarnation,
               host::JobDone{work.token, std::move(work.job)});
}

void World::perform_chain(std::uint32_t index, host::AppendLog& append) {
  Node& node = *nodes_[index];
  const Token token = append.token;
  inputs_.post(node.chain.append(now_, std::move(append), network_rng_), index, node.incarnation,
               host::LogAppended{token});
}

void World::perform_chain(std::uint32_t index, const host::WriteChain& write) {
  Node& node = *nodes_[index];
  inputs_.post(node.chain.write(now_, write, network_rng_), index, node.incarnation,
               host::ChainWritten{write.token});
}

void World::perform_chain(std::uint32_t index, host::SaveProof& save) {
  Node& node = *nodes_[index];
  const Token token = save.token;
  inputs_.post(node.chain.save(now_, std::move(save)), index, node.incarnation,
               host::ProofSaved{token});
}

void World::read_link(std::uint32_t index, LinkRef link) {
  Node& node = *nodes_[index];
  const std::uint32_t incarnation = node.incarnation;
  while (network_.is_current(link) && node.is_awake(incarnation) &&
         network_.has_unread(now_, link)) {
    const LinkId id = network_.id_of(link);
    if (!node.machine->wants_bytes(id)) return network_.block_reads(link);
    const ByteSpan bytes = network_.read(now_, link);
    network_.taken(link, node.machine->on_bytes(local_now(index), id, bytes));
    finish_turn(index);
  }
  if (network_.is_current(link)) network_.await_bytes(now_, link);
}

// Takes all that the machine gives and the window has room for, in segments of up to 128 KiB.
void World::transmit(Node& node, LinkRef link) {
  const Instant local = now_ + node.clock.instant_offset;
  bool is_done = false;
  bool was_asked = false;
  while (!is_done && network_.is_current(link)) {
    const std::size_t room = std::min(network_.room(now_, link), transmit_buffer_.size());
    if (room < host::link_transmit_bytes_min) {
      network_.await_room(now_, link);
      break;
    }
    const LinkId id = network_.id_of(link);
    const ByteSpan all = ByteSpan(transmit_buffer_).first(room);
    std::size_t filled = 0;
    while (!is_done && room - filled >= host::link_transmit_bytes_min) {
      const std::size_t count = node.machine->poll_transmit(local, id, all.subspan(filled));
      ASSERT(count <= room - filled);
      filled += count;
      is_done = count == 0;
    }
    was_asked = true;
    if (filled > 0) network_.send(now_, link, all.first(filled));
    if (is_done) network_.nothing_to_send(now_, link);
  }
  // Only a transmit ends back-pressure (host/world.h).
  if (was_asked && network_.is_current(link) && network_.is_read_blocked(link) &&
      node.machine->wants_bytes(network_.id_of(link))) {
    network_.resume_reads(now_, link);
  }
}

// What waits in a socket, a turn a batch.
void World::read_socket(const Event& event) {
  Node& node = *nodes_[event.node];
  const std::uint32_t incarnation = node.incarnation;
  while (node.is_awake(incarnation)) {
    auto in = datagrams_.next_batch(event);
    if (!in) break;
    trace_.add(in->bytes);
    while (!in->bytes.empty() && datagrams_.is_open(event)) {
      const std::size_t taken = node.machine->on_datagrams(local_now(event.node), *in);
      ASSERT(taken > 0 && taken <= in->bytes.size());
      ASSERT(taken % in->segment_bytes == 0 || taken == in->bytes.size());
      in->bytes = in->bytes.subspan(taken);
      drain(event.node);
    }
    finish_turn(event.node);
  }
  datagrams_.finish_reading(now_, event);
}

void World::transmit_datagrams(std::uint32_t index) {
  Node& node = *nodes_[index];
  const ByteSpan room = ByteSpan(transmit_buffer_).first(host::datagrams_room_bytes);
  std::size_t batches = 0;
  for (;;) {
    ASSERT(++batches <= base::turn_outputs_max);
    const base::DatagramsOut out = node.machine->poll_datagrams(local_now(index), room);
    ASSERT(out.bytes <= room.size());
    if (out.bytes == 0) break;
    datagrams_.send(now_, index, out, room.first(out.bytes));
  }
  node.datagrams_ready = false;
}

void World::arm(std::uint32_t index) {
  Node& node = *nodes_[index];
  if (!node.deadline) return;
  const Instant at = std::max(*node.deadline, now_);
  if (node.timer_at && *node.timer_at <= at) return;
  node.timer_at = at;
  queue_.push({at, index, ++node.timer_generation, 0, EventKind::timer});
}

}  // namespace kith::sim
