#include "host/perf.h"

#include <algorithm>

#include "base/format.h"

namespace kith::host {
namespace {

/// As much as one write may hand over: a stream's send queue (mux/yamux.h).
constexpr std::size_t zeros_bytes = 256 * 1024;

}  // namespace

Perf::Perf(bool is_serving) : is_serving_(is_serving), zeros_(Buffer::zeros(zeros_bytes)) {}

std::vector<std::string> Perf::protocols() const {
  if (!is_serving_) return {};
  return {std::string(perf_protocol)};
}

void Perf::start(Token token, const PeerId& peer, std::uint64_t upload, std::uint64_t download) {
  PerfResult wanted;
  wanted.token = token;
  wanted.peer = peer;
  wanted.upload_bytes = upload;
  wanted.download_bytes = download;
  opening_.emplace(token, std::move(wanted));
  say(Open{token, peer, {std::string(perf_protocol)}});
}

void Perf::on_input(Instant now, ServiceEvent event) {
  std::visit(Overload{[](PeerUp&) {}, [](PeerDown&) {}, [](PeerIdentified&) {},
                      [&](StreamUp& up) { on_stream_up(now, up); },
                      [&](StreamOpenFailed& failed) {
                        const auto node = opening_.extract(failed.token);
                        if (node.empty()) return;
                        node.mapped().error = std::move(failed.error);
                        results_.push_back(std::move(node.mapped()));
                      },
                      [&](StreamData& data) { on_data(now, data); },
                      [&](StreamRoom& room) {
                        if (const auto s = serving_.find(room.stream); s != serving_.end()) {
                          s->second.room = room.room;
                          serve(room.stream, s->second);
                        } else if (const auto r = running_.find(room.stream); r != running_.end()) {
                          r->second.room = room.room;
                          upload(now, room.stream, r->second);
                        }
                      },
                      [&](StreamEnd& end) { on_end(now, end.stream); },
                      [&](StreamDown& down) {
                        serving_.erase(down.stream);
                        const auto running = running_.find(down.stream);
                        if (running == running_.end()) return;
                        finish(now, running->second,
                               down.error.value_or(Error{Code::closed, "the stream ended early"}));
                        running_.erase(running);
                      },
                      WithoutMessages{}},
             event);
}

void Perf::on_stream_up(Instant now, const StreamUp& up) {
  if (up.direction == Direction::inbound) {
    serving_[up.stream].room = up.room;
    return;
  }
  const auto node = opening_.extract(*up.token);
  if (node.empty()) return say(Reset{up.stream});
  Running& running = running_[up.stream];
  running.result = std::move(node.mapped());
  running.to_upload = running.result.upload_bytes;
  running.started = now;
  Bytes header;
  for (int shift = 56; shift >= 0; shift -= 8) {
    header.push_back(static_cast<std::uint8_t>(running.result.download_bytes >> shift));
  }
  running.room = up.room - header.size();
  say(Write{up.stream, Buffer(std::move(header))});
  upload(now, up.stream, running);
}

void Perf::on_data(Instant now, const StreamData& data) {
  say(Consume{data.stream, data.data.size()});
  if (const auto found = running_.find(data.stream); found != running_.end()) {
    Running& running = found->second;
    if (!running.uploaded) running.uploaded = now;
    running.moved = now;
    running.received += data.data.size();
    if (running.received > running.result.download_bytes) end_early(now, data.stream, running);
    return;
  }
  const auto found = serving_.find(data.stream);
  if (found == serving_.end()) return;
  Serving& serving = found->second;
  for (const std::uint8_t byte : data.data) {
    if (serving.header_bytes == serving.header.size()) break;  // the rest is upload
    serving.header[serving.header_bytes++] = byte;
    serving.to_send = serving.to_send << 8 | byte;
  }
}

void Perf::on_end(Instant now, StreamId stream) {
  if (const auto found = serving_.find(stream); found != serving_.end()) {
    if (found->second.header_bytes < found->second.header.size()) return say(Reset{stream});
    found->second.is_sending = true;
    return serve(stream, found->second);
  }
  const auto found = running_.find(stream);
  if (found == running_.end()) return;
  Running& running = found->second;
  if (!running.is_finished || running.received != running.result.download_bytes) {
    return end_early(now, stream, running);
  }
  finish(now, running, std::nullopt);
  running_.erase(found);
}

// The server does not do as it was asked: more bytes or fewer, or an end before our upload's.
void Perf::end_early(Instant now, StreamId stream, Running& running) {
  finish(now, running,
         Error{Code::protocol, base::format("asked for {} bytes, got {}",
                                            running.result.download_bytes, running.received)});
  running_.erase(stream);
  say(Reset{stream});
}

void Perf::serve(StreamId stream, Serving& serving) {
  if (!serving.is_sending) return;
  write_zeros(stream, serving.to_send, serving.room);
  if (serving.to_send > 0) return;
  say(Finish{stream});
  serving_.erase(stream);
}

void Perf::upload(Instant now, StreamId stream, Running& running) {
  running.moved = now;
  if (running.is_finished) return;
  write_zeros(stream, running.to_upload, running.room);
  if (running.to_upload > 0) return;
  running.is_finished = true;
  say(Finish{stream});
}

void Perf::write_zeros(StreamId stream, std::uint64_t& left, std::size_t& room) {
  while (left > 0 && room > 0) {
    const std::size_t size =
        static_cast<std::size_t>(std::min<std::uint64_t>({left, room, zeros_.size()}));
    say(Write{stream, zeros_.slice(0, size)});
    left -= size;
    room -= size;
  }
}

void Perf::finish(Instant now, Running& running, std::optional<Error> error) {
  if (!running.uploaded) running.uploaded = now;
  running.result.upload_time = *running.uploaded - running.started;
  running.result.download_time = now - *running.uploaded;
  running.result.error = std::move(error);
  results_.push_back(std::move(running.result));
}

void Perf::cancel(Token token) {
  opening_.erase(token);  // the stream is reset once it is up
  const auto found = std::ranges::find_if(
      running_, [&](const auto& entry) { return entry.second.result.token == token; });
  if (found == running_.end()) return;
  say(Reset{found->first});
  running_.erase(found);
}

// A handful at most: each was asked for.
void Perf::on_deadline(Instant now) {
  for (auto at = running_.begin(); at != running_.end();) {
    if (now < at->second.moved + stall_max) {
      ++at;
      continue;
    }
    say(RequestDone{at->second.result.peer, perf_protocol,
                    fail(Code::timeout, "a measurement stalled")});
    finish(now, at->second,
           Error{Code::timeout, base::format("nothing moved for {} ms", base::to_ms(stall_max))});
    say(Reset{at->first});
    at = running_.erase(at);
  }
}

std::optional<Instant> Perf::next_deadline() const {
  std::optional<Instant> soonest;
  for (const auto& [stream, running] : running_) {
    soonest = base::soonest(soonest, running.moved + stall_max);
  }
  return soonest;
}

std::optional<PerfResult> Perf::poll_result() {
  if (results_.empty()) return std::nullopt;
  return results_.pop_front();
}

}  // namespace kith::host
