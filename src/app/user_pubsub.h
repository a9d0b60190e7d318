// The bridge between kith::PubSub's handles, used from any thread, and the node's router: which
// topics are joined, who reads them, who judges. Lives on the reactor's thread; what other threads
// ask arrives through the inbox, and what the router says through on_deliver and on_validate.
//
// A message that a full subscription holds back (WhenFull::hold) is one the router still waits to
// have judged: its memory and its time are the router's (in_flight_max, check_timeout). The router
// tells when it waits no more, so whatever is kept here by its token ends with it.
#pragma once

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <kith/pubsub.h>

#include "app/inbox.h"
#include "node/node.h"

namespace kith::app {

class UserPubSub;

/// Messages, and their bytes.
struct PubSubLoad {
  std::size_t messages = 0;
  std::size_t bytes = 0;

  void add(std::size_t size) { ++messages, bytes += size; }
  void remove(std::size_t size) {
    messages -= std::min<std::size_t>(messages, 1);
    bytes -= std::min(bytes, size);
  }
};

/// The way from a handle to the host's thread; empty once the host has stopped.
struct PubSubLink {
  std::shared_ptr<Inbox> inbox;
  std::weak_ptr<UserPubSub*> service;
};

}  // namespace kith::app

namespace kith {

struct Subscription::State {
  app::PubSubLink link;
  std::string topic;
  SubscriptionOptions options;

  std::mutex mutex;
  std::condition_variable has_news;
  std::deque<Message> queue;
  std::size_t bytes = 0;  // of the queue
  std::uint64_t dropped = 0;
  bool is_over = false;
  bool holds_back = false;  // the host waits to be told of room
  std::shared_ptr<const std::function<void(const Message&)>> callback;

  ~State();
  bool holds() const { return options.when_full == SubscriptionOptions::WhenFull::hold; }
  /// For one more beside those that are coming. REQUIRES: the lock is held.
  bool has_room(std::size_t size, const app::PubSubLoad& coming = {}) const;
};

struct Topic::State {
  app::PubSubLink link;
  std::string name;
  TopicOptions options;
  std::mutex mutex;
  std::size_t publishing_bytes = 0;  // on their way to the host's thread

  ~State();
};

struct PubSub::Impl {
  app::PubSubLink link;
};

}  // namespace kith

namespace kith::app {

/// The texts of the peers that were met last: a message names two of few, and base58 is slow.
class PeerTexts {
 public:
  const std::string& of(const PeerId& peer);

 private:
  std::array<std::pair<PeerId, std::string>, 64> places_;  // by the id's last byte
};

class UserPubSub {
 public:
  /// `command` hands `node` a command in the turn in progress. Both outlive it.
  UserPubSub(std::shared_ptr<Inbox> inbox, const node::Node& node,
             std::function<void(node::Command)> command)
      : inbox_(std::move(inbox)),
        node_(node),
        command_(std::move(command)),
        self_(std::make_shared<UserPubSub*>(this)) {}

  PubSubLink link() const { return {inbox_, self_}; }

  // For handles, on the reactor's thread.
  Result<void> join(const std::shared_ptr<Topic::State>& topic);
  void leave(const std::string& topic);
  void publish(const Topic::State& topic, Buffer data,
               std::function<void(Result<std::size_t>)> done);
  void subscribe(const std::shared_ptr<Subscription::State>& subscription);
  void unsubscribe(const std::string& topic);
  /// A reader has made room.
  void release_held(const std::string& topic);
  std::vector<std::string> peers_of(const std::string& topic) const;
  std::vector<std::string> mesh_of(const std::string& topic) const;
  std::vector<std::string> topics() const;

  // For the host.
  void on_deliver(gossip::Message message);
  void on_validate(Token token, gossip::Message message);
  void on_settled(Token token);
  void on_published(gossip::Published published);
  /// The host is ending: readers are woken, and whoever waits is told.
  void end_all(const Error& error);

 private:
  using Readers = std::vector<std::weak_ptr<Subscription::State>>;
  struct Joined {
    std::weak_ptr<Topic::State> handle;
    TopicOptions options;
    // Made anew when it changes: a callback may subscribe or cancel while it is walked through.
    std::shared_ptr<const Readers> readers = std::make_shared<const Readers>();
    bool is_subscribed = false;
    std::deque<Token> held;  // of asked_, in the order they came
    PubSubLoad coming;       // let in or published, and not delivered yet
  };
  /// A message that the router waits for.
  struct Asked {
    enum class State : std::uint8_t { judging, held, let_in };
    std::string topic;
    std::size_t size;
    State state = State::judging;
  };
  struct Publishing {
    std::function<void(Result<std::size_t>)> done;
    std::string topic;
    std::size_t size;
  };
  gossip::TopicOptions router_options(const Joined& joined) const;
  Joined* joined(const std::string& topic);
  Message in_public_words(gossip::Message message);
  bool has_room(const Joined& joined, std::size_t size);
  void on_answer(Token token, Verdict verdict);
  void let_in(Token token, Asked& asked);
  void admit(Token token, Asked& asked, Joined& joined);
  void update(const std::string& topic);

  std::shared_ptr<Inbox> inbox_;
  const node::Node& node_;
  std::function<void(node::Command)> command_;
  std::shared_ptr<UserPubSub*> self_;
  PeerTexts peer_texts_;
  std::map<std::string, Joined, std::less<>> topics_;  // the router refuses more than topics_max
  std::map<Token, Asked> asked_;  // at most Config::in_flight_max: on_settled comes for each
  std::map<Token, Publishing> publishing_;
  std::uint64_t next_token_ = 1;
};

}  // namespace kith::app
