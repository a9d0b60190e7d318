#include "app/user_streams.h"

#include <algorithm>
#include <utility>

#include "codec/peer_id.h"
#include "packet/services.h"

namespace kith::app {
namespace {

// Callbacks are copied out, so that they run without the lock and may replace themselves.

/// Decided before the callback, which may change it. REQUIRES: the lock is held.
bool will_consume(Stream::State& state, std::size_t bytes) {
  if (!state.is_manual) return !state.is_gone;
  state.unconsumed += bytes;
  return false;
}

void tell_early_data(Stream::State& state) {
  bool is_consumed = false;
  Bytes early;
  std::function<void(std::span<const std::uint8_t>)> callback;
  {
    const std::lock_guard lock(state.mutex);
    if (!state.on_data || state.early.empty() || state.is_close_told) return;
    early = std::exchange(state.early, {});
    callback = state.on_data;
    is_consumed = will_consume(state, early.size());
  }
  callback(early);
  const auto service = state.service.lock();
  if (service && is_consumed) (*service)->command(host::Consume{state.id, early.size()});
}

void tell_end(Stream::State& state) {
  std::function<void()> callback;
  {
    const std::lock_guard lock(state.mutex);
    if (!state.has_ended || state.is_end_told || !state.early.empty() || !state.on_end) return;
    state.is_end_told = true;
    callback = state.on_end;
  }
  callback();
}

void tell_close(Stream::State& state) {
  std::function<void(std::optional<Error>)> callback;
  {
    const std::lock_guard lock(state.mutex);
    if (!state.is_gone) return;
    if (state.on_close && !state.is_close_told) {
      state.is_close_told = true;
      callback = std::exchange(state.on_close, nullptr);
    }
  }
  if (callback) callback(state.close_error);
  // Callbacks often hold the handle itself: let go of those that will not be called any more, or
  // the stream would keep itself alive.
  const std::lock_guard lock(state.mutex);
  if (state.early.empty() || state.is_close_told) state.on_data = nullptr;
  if (!state.has_ended || state.is_end_told || state.is_close_told) state.on_end = nullptr;
  state.on_room = nullptr;
}

}  // namespace

void UserStreams::on_input(Instant, host::ServiceEvent event) {
  std::visit(Overload{[](host::PeerUp&) {}, [](host::PeerDown&) {}, [](host::PeerIdentified&) {},
                      [&](host::StreamUp& up) { on_stream_up(up); },
                      [&](host::StreamOpenFailed& failed) {
                        auto node = opening_.extract(failed.token);
                        if (!node.empty()) node.mapped()(fail(std::move(failed.error)));
                      },
                      [&](host::StreamData& data) { on_data(data); },
                      [&](host::StreamRoom& told) {
                        const auto state = find(told.stream);
                        if (!state) return;
                        {
                          const std::lock_guard lock(state->mutex);
                          state->room = told.room;
                        }
                        tell_room(*state);
                      },
                      [&](host::StreamEnd& end) {
                        const auto state = find(end.stream);
                        if (!state) return;
                        {
                          const std::lock_guard lock(state->mutex);
                          state->has_ended = true;
                        }
                        catch_up(*state);
                      },
                      [&](host::StreamDown& down) { on_stream_down(std::move(down)); },
                      [&](host::MessageReceived& message) { messages_.on_event(message); },
                      [&](host::DatagramReceived& datagram) { messages_.on_event(datagram); },
                      [&](host::MessageDone& done) { messages_.on_event(done); }},
             event);
}

void UserStreams::open(const PeerId& peer, const std::string& protocol,
                       std::function<void(Result<Stream>)> done) {
  const Token token{next_token_++};
  opening_.emplace(token, std::move(done));
  say(host::Open{token, peer, {protocol}});
}

void UserStreams::on_stream_up(const host::StreamUp& up) {
  // A protocol of messages alone has no streams.
  if (up.direction == Direction::inbound && !handlers_.contains(up.protocol)) {
    return say(host::Reset{up.stream});
  }
  auto state = std::make_shared<Stream::State>();
  state->peer = codec::to_text(up.peer);
  state->protocol = up.protocol;
  state->id = up.stream;
  state->inbox = inbox_;
  state->service = self_;
  state->room = up.room;
  streams_.emplace(up.stream, state);
  if (up.direction == Direction::outbound) {
    auto node = opening_.extract(*up.token);
    if (!node.empty()) node.mapped()(Stream(state));
    return;
  }
  const auto handler = handlers_.find(up.protocol);
  if (handler != handlers_.end()) handler->second(Stream(state));
}

void UserStreams::on_data(const host::StreamData& data) {
  const auto state = find(data.stream);
  if (!state) return;
  bool is_consumed = false;
  std::function<void(std::span<const std::uint8_t>)> callback;
  {
    const std::lock_guard lock(state->mutex);
    if (!state->on_data || !state->early.empty()) {
      state->early.insert(state->early.end(), data.data.begin(), data.data.end());
      return;
    }
    callback = state->on_data;
    is_consumed = will_consume(*state, data.data.size());
  }
  callback(data.data);
  if (is_consumed) say(host::Consume{data.stream, data.data.size()});
}

void UserStreams::on_stream_down(host::StreamDown down) {
  const auto node = streams_.extract(down.stream);
  if (node.empty()) return;
  Stream::State& state = *node.mapped();
  {
    const std::lock_guard lock(state.mutex);
    state.is_over = true;
    state.is_gone = true;
    state.close_error = std::move(down.error);
  }
  catch_up(state);
}

void UserStreams::end_all(const Error& error) {
  for (auto& [token, done] : std::exchange(opening_, {})) done(fail(error));
  messages_.end_all(error);
  while (!streams_.empty()) on_stream_down({streams_.begin()->first, error});
}

void UserStreams::catch_up(Stream::State& state) {
  tell_early_data(state);
  tell_end(state);
  tell_close(state);
}

void UserStreams::tell_room(Stream::State& state) {
  std::size_t free = 0;
  std::function<void(std::size_t)> callback;
  {
    const std::lock_guard lock(state.mutex);
    free = state.room - std::min(state.room, state.queued);
    if (state.wanted == 0 || free < state.wanted) return;
    state.wanted = 0;
    callback = state.on_room;
  }
  if (callback) callback(free);
}

std::shared_ptr<Stream::State> UserStreams::find(StreamId stream) const {
  const auto found = streams_.find(stream);
  return found == streams_.end() ? nullptr : found->second;
}

}  // namespace kith::app

// --- the handle ----------------------------------------------------------------------------------

namespace kith {
namespace {

void send_command(const std::shared_ptr<Stream::State>& state, host::ServiceCommand command) {
  // Where there is no host any more there is no stream either.
  (void)state->inbox->post_behind(
      [service = state->service, command = std::move(command)]() mutable {
        if (const auto alive = service.lock()) (*alive)->command(std::move(command));
      });
}

/// After a callback was set. Without a host there is no thread but the caller's.
void catch_up_soon(const std::shared_ptr<Stream::State>& state) {
  if (!state->inbox->post([state] { app::UserStreams::catch_up(*state); })) {
    app::UserStreams::catch_up(*state);
  }
}

/// Sets `size` bytes of room aside; false when there is not as much.
bool take_room(Stream::State& state, std::size_t size) {
  const std::lock_guard lock(state.mutex);
  if (state.is_over) return false;
  if (size > state.room - std::min(state.room, state.queued)) {
    state.wanted = size;
    return false;
  }
  state.queued += size;
  return true;
}

bool hand_over(const std::shared_ptr<Stream::State>& shared, Buffer data) {
  return shared->inbox->post_behind([state = shared, buffer = std::move(data)]() mutable {
    bool is_last = false;
    {
      const std::lock_guard lock(state->mutex);
      state->queued -= buffer.size();
      state->room -= std::min(state->room, buffer.size());
      is_last = state->queued == 0 && std::exchange(state->finish_waits, false);
    }
    if (const auto alive = state->service.lock()) {
      (*alive)->command(host::Write{state->id, std::move(buffer)});
      if (is_last) (*alive)->command(host::Finish{state->id});
      app::UserStreams::tell_room(*state);  // a write may have been refused for what was on its way
    }
  });
}

}  // namespace

const std::string& Stream::peer() const { return state_->peer; }
const std::string& Stream::protocol() const { return state_->protocol; }

bool Stream::write(std::span<const std::uint8_t> data) {
  return take_room(*state_, data.size()) && hand_over(state_, Buffer(data));
}

bool Stream::write(std::shared_ptr<const std::vector<std::uint8_t>> data) {
  return take_room(*state_, data->size()) && hand_over(state_, Buffer(std::move(data)));
}

std::size_t Stream::room() const {
  const std::lock_guard lock(state_->mutex);
  if (state_->is_over) return 0;
  return state_->room - std::min(state_->room, state_->queued);
}

void Stream::finish() {
  {
    const std::lock_guard lock(state_->mutex);
    if (std::exchange(state_->is_over, true)) return;
    state_->finish_waits = state_->queued > 0;  // a write on another thread may not have arrived
    if (state_->finish_waits) return;
  }
  send_command(state_, host::Finish{state_->id});
}

void Stream::set_importance(unsigned importance) {
  const auto most = std::min<unsigned>(importance, packet::importance_max);
  send_command(state_, host::Prioritize{state_->id, static_cast<std::uint16_t>(most)});
}

void Stream::reset() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->is_over = true;
  }
  send_command(state_, host::Reset{state_->id});
}

void Stream::on_data(std::function<void(std::span<const std::uint8_t>)> callback) {
  {
    const std::lock_guard lock(state_->mutex);
    state_->on_data = std::move(callback);
    if (state_->early.empty() && !state_->is_gone) return;
  }
  catch_up_soon(state_);
}
void Stream::on_end(std::function<void()> callback) {
  {
    const std::lock_guard lock(state_->mutex);
    state_->on_end = std::move(callback);
    if (!state_->has_ended && !state_->is_gone) return;
  }
  catch_up_soon(state_);
}
void Stream::on_close(std::function<void(std::optional<Error>)> callback) {
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->is_close_told) return;
    state_->on_close = std::move(callback);
    if (!state_->is_gone) return;
  }
  catch_up_soon(state_);
}
void Stream::on_room(std::function<void(std::size_t)> callback) {
  const std::lock_guard lock(state_->mutex);
  state_->on_room = std::move(callback);
}
void Stream::set_manual_consume(bool is_manual) {
  const std::lock_guard lock(state_->mutex);
  state_->is_manual = is_manual;
}
void Stream::consume(std::size_t bytes) {
  {
    const std::lock_guard lock(state_->mutex);
    bytes = std::min(bytes, state_->unconsumed);
    state_->unconsumed -= bytes;
  }
  if (bytes > 0) send_command(state_, host::Consume{state_->id, bytes});
}

}  // namespace kith
