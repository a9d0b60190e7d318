// kith::PubSub: topics that reach everybody who subscribed, through libp2p's gossipsub (1.0
// to 1.3), so that js-, go- and rust-libp2p peers and kubo take part.
//
//   kith::PubSub pubsub(*host);
//   auto topic = pubsub.join("news");
//   auto subscription = topic->subscribe();
//   topic->publish(data);
//   while (auto message = subscription.next(10s)) use(message->data);
//
// Threads: everything may be called from any thread; next() and publish_wait() must not be called
// from a callback of the host. Callbacks run on the host's thread and must not block. Handles may
// outlive the Host: what they are asked from then on fails with `closed`, or gives nothing.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <kith/error.h>

namespace kith {

class Host;

/// One message of a topic. Copies share the bytes.
struct Message {
  /// The topic's name.
  std::string topic;
  /// What was published; valid as long as this Message or a copy of it.
  std::span<const std::uint8_t> data;
  /// Whoever published it, as a peer id, verified by its signature; empty in an unsigned topic.
  std::string author;
  /// The author's count; grows with each of its messages. Empty in an unsigned topic.
  std::optional<std::uint64_t> seqno;
  /// The peer that handed it to us; empty for a message of our own.
  std::string received_from;
  /// Keeps `data`.
  std::shared_ptr<const void> owner;
};

/// What to do with a message that a validator was asked about.
enum class Verdict : std::uint8_t {
  /// Deliver it and hand it on.
  accept,
  /// It is invalid: do neither, and hold it against whoever sent it.
  reject,
  /// Do neither; nobody is to blame.
  ignore,
};

/// Judges a message: calls the second argument once, now or later, from any thread. A message that
/// is not judged within 60 s is ignored.
using Validator = std::function<void(const Message&, std::function<void(Verdict)>)>;

/// What all peers of a topic must agree on, and what this one checks. With `max_age` or
/// `is_compressed` data begins with a header of Kith's (docs/protocol/gossip.md): peers that were
/// not told the same, and other libp2p implementations, cannot take part.
struct TopicOptions {
  /// Messages are signed by their authors (StrictSign); otherwise they have none (StrictNoSign).
  bool is_signed = true;
  /// Asked about every message of others; without one all are accepted.
  Validator validator = {};
  /// Names a message, at most 128 bytes: two of one name are one message. Pure and quick; called on
  /// the host's thread with the data as it travels, also of messages nobody has verified. Without
  /// one the name is author and seqno, or a hash of the data in an unsigned topic.
  std::function<std::vector<std::uint8_t>(std::span<const std::uint8_t>)> message_id = {};
  /// How urgent the topic's messages are to this host.
  enum class Priority : std::uint8_t { consensus, blocks, transactions, application, bulk };
  /// What goes first where several messages wait for one peer, and what is dropped last when too
  /// many do. Less urgent topics keep a share. Every peer chooses for itself.
  Priority priority = Priority::application;
  /// Messages are of no use so long after they were published: from then on no peer delivers them
  /// or hands them on. By the hosts' clocks, which may differ by 30 s. 0: they do not expire.
  std::chrono::milliseconds max_age{0};
  /// Messages travel compressed (zstd) where that makes them smaller.
  bool is_compressed = false;
};

/// How a subscription holds what its reader has not taken yet.
struct SubscriptionOptions {
  /// What happens to a message that finds the queue full.
  enum class WhenFull : std::uint8_t {
    /// It is lost to this subscription, and counted by dropped().
    drop,
    /// It waits, neither delivered nor handed on to other peers, until the reader has made room;
    /// for at most 60 s, and as many as the router can hold. Slows the topic, not only the reader:
    /// what this host itself publishes is refused in the meantime (`limit`). One that gives
    /// messages to a callback is never full.
    hold,
  };
  /// Messages; at least 1.
  std::size_t messages_max = 1024;
  /// Bytes of data. A larger message is still taken by an empty queue.
  std::size_t bytes_max = 16 << 20;
  /// See WhenFull.
  WhenFull when_full = WhenFull::drop;
};

/// The messages of a topic from now on. A handle: copies are the same subscription, which ends with
/// the last of them.
class Subscription {
 public:
  /// The oldest message, waiting for one at most so long. Empty: none came, or it has ended.
  std::optional<Message> next(std::chrono::milliseconds timeout);
  /// Gives messages to `callback` instead, on the host's thread; first those that wait already.
  void on_message(std::function<void(const Message&)> callback);
  /// Messages that were lost because the queue was full.
  std::uint64_t dropped() const;
  /// Ends it: next() gives what waits, then nothing.
  void cancel();

  struct State;
  /// For the library itself: subscriptions come from Topic.
  explicit Subscription(std::shared_ptr<State> state) : state_(std::move(state)) {}

 private:
  std::shared_ptr<State> state_;
};

/// A topic that was joined. A handle: copies are the same; the topic is left with the last of them
/// and the last of its subscriptions.
class Topic {
 public:
  /// Its name.
  const std::string& name() const;
  /// Sends a copy of `data`, at most 1 MiB with its header, to the topic; subscriptions of this
  /// host get it too. `done` gets the number of peers it was queued for, 0 when nobody is there
  /// yet, or why not: `too_large`, `limit` when too much is under way or a subscription of this
  /// host holds the topic back, `exists` when a message of that name was.
  void publish(std::span<const std::uint8_t> data,
               std::function<void(Result<std::size_t>)> done = {});
  /// The same without a copy: `data` must not change any more.
  void publish(std::shared_ptr<const std::vector<std::uint8_t>> data,
               std::function<void(Result<std::size_t>)> done = {});
  /// Publishes and waits until it is queued.
  Result<std::size_t> publish_wait(std::span<const std::uint8_t> data);
  /// Messages from now on.
  Subscription subscribe(SubscriptionOptions options = {});
  /// Connected peers that are subscribed to it.
  std::vector<std::string> peers() const;
  /// Those of them that this host exchanges whole messages with.
  std::vector<std::string> mesh() const;

  struct State;
  /// For the library itself: topics come from PubSub.
  explicit Topic(std::shared_ptr<State> state) : state_(std::move(state)) {}

 private:
  std::shared_ptr<State> state_;
};

/// A host's topics. Cheap to make and to copy; the host need not know of it before.
class PubSub {
 public:
  /// Of a host that is running.
  explicit PubSub(Host& host);

  /// Takes part in a topic of at most 256 bytes. Errors: `exists` while a handle or a subscription
  /// of it is alive, `too_large`, `closed`.
  Result<Topic> join(std::string topic, TopicOptions options = {});
  /// The names of the topics that are subscribed to.
  std::vector<std::string> topics() const;

  struct Impl;

 private:
  std::shared_ptr<Impl> impl_;
};

}  // namespace kith
