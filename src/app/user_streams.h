// The bridge between kith::Stream handles, used from any thread, and the node's streams: a service
// whose protocols and callbacks are the embedding program's. Lives on the reactor's thread; what
// other threads ask arrives as a turn.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include <kith/host.h>

#include "app/inbox.h"
#include "app/user_messages.h"
#include "host/service.h"

namespace kith::app {

class UserStreams;

}  // namespace kith::app

namespace kith {

/// What a Stream handle shares with the service.
struct Stream::State {
  std::string peer;
  std::string protocol;
  StreamId id;
  std::shared_ptr<app::Inbox> inbox;
  std::weak_ptr<app::UserStreams*> service;  // gone with the host

  std::mutex mutex;
  std::size_t room = 0;        // as the host told it, less what was handed over
  std::size_t queued = 0;      // bytes on their way to the reactor's thread
  std::size_t wanted = 0;      // what the last refused write needed; 0: none was refused since told
  bool is_over = false;        // finished by us, reset, or closed
  bool finish_waits = false;   // for what is queued
  std::size_t unconsumed = 0;  // bytes given to on_data that consume() may still name
  bool is_manual = false;
  // What a callback that is not set yet will be told.
  Bytes early;  // not consumed, so bounded by the stream's receive window
  bool has_ended = false;
  bool is_end_told = false;
  bool is_gone = false;
  bool is_close_told = false;
  std::optional<Error> close_error;
  std::function<void(std::span<const std::uint8_t>)> on_data;
  std::function<void()> on_end;
  std::function<void(std::optional<Error>)> on_close;
  std::function<void(std::size_t)> on_room;
};

}  // namespace kith

namespace kith::app {

class UserStreams final : public host::Service {
 public:
  explicit UserStreams(std::shared_ptr<Inbox> inbox)
      : inbox_(std::move(inbox)), self_(std::make_shared<UserStreams*>(this)) {}

  std::vector<std::string> protocols() const override { return {}; }
  void on_input(Instant now, host::ServiceEvent event) override;

  /// Whether the protocol has streams, or messages or datagrams, of the program's.
  bool has(const std::string& protocol) const {
    return handlers_.contains(protocol) || messages_.has(protocol);
  }
  /// False when there is one already.
  bool handle(std::string protocol, std::function<void(Stream)> on_stream) {
    return handlers_.emplace(std::move(protocol), std::move(on_stream)).second;
  }
  UserMessages& messages() { return messages_; }
  void open(const PeerId& peer, const std::string& protocol,
            std::function<void(Result<Stream>)> done);
  /// The host is ending: every stream closes, and every open and message fails with `error`.
  void end_all(const Error& error);
  /// Calls on_room when a refused write would now be taken.
  static void tell_room(Stream::State& state);
  /// Tells the callbacks what came before they were set.
  static void catch_up(Stream::State& state);
  /// For handles, on the reactor's thread.
  void command(host::ServiceCommand command) { say(std::move(command)); }

 private:
  void on_stream_up(const host::StreamUp& up);
  void on_data(const host::StreamData& data);
  void on_stream_down(host::StreamDown down);
  std::shared_ptr<Stream::State> find(StreamId stream) const;

  std::shared_ptr<Inbox> inbox_;
  std::shared_ptr<UserStreams*> self_;
  UserMessages messages_{[this](host::ServiceCommand command) { say(std::move(command)); }};
  std::map<std::string, std::function<void(Stream)>> handlers_;
  std::map<StreamId, std::shared_ptr<Stream::State>> streams_;
  std::map<Token, std::function<void(Result<Stream>)>> opening_;
  std::uint64_t next_token_ = 1;
};

}  // namespace kith::app
