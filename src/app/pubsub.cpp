// The handles of kith::PubSub. Each asks app/user_pubsub.h, on the host's thread.
#include <kith/host.h>
#include <kith/pubsub.h>

#include <future>

#include "app/user_pubsub.h"
#include "base/format.h"
#include "codec/gossip_rpc.h"
#include "codec/peer_id.h"

namespace kith {
namespace {

/// Of one topic, on their way to the host's thread.
constexpr std::size_t publishing_bytes_max = 16 << 20;

Error stopped_error() { return {Code::closed, "the host has stopped"}; }

/// Asks on the host's thread and waits; empty when the host has stopped.
template <class T>
std::optional<T> ask(const app::PubSubLink& link, std::function<T(app::UserPubSub&)> question) {
  std::promise<std::optional<T>> answer;
  auto future = answer.get_future();
  const bool is_running = link.inbox->post([&] {
    const auto service = link.service.lock();
    answer.set_value(service ? std::optional<T>(question(**service)) : std::nullopt);
  });
  if (!is_running) return std::nullopt;
  return future.get();
}

/// Tells the host's thread; false when the host has stopped.
bool tell(const app::PubSubLink& link, std::function<void(app::UserPubSub&)> what) {
  return link.inbox->post([link, what = std::move(what)] {
    if (const auto service = link.service.lock()) what(**service);
  });
}

void publish_buffer(const std::shared_ptr<Topic::State>& topic, Buffer data,
                    std::function<void(Result<std::size_t>)> done) {
  const std::size_t size = data.size();
  const auto refuse = [&](Error error) {
    if (done) done(fail(std::move(error)));
  };
  {
    const std::lock_guard lock(topic->mutex);
    // One message is always let through: if it is too large the router says so.
    if (topic->publishing_bytes > 0 && topic->publishing_bytes + size > publishing_bytes_max) {
      return refuse({Code::limit, base::format("{} bytes wait to be published in {} already",
                                               topic->publishing_bytes, topic->name)});
    }
    topic->publishing_bytes += size;
  }
  const bool is_running =
      topic->link.inbox->post([topic, size, data = std::move(data), done]() mutable {
        {
          const std::lock_guard lock(topic->mutex);
          topic->publishing_bytes -= size;
        }
        const auto service = topic->link.service.lock();
        if (service) return (*service)->publish(*topic, std::move(data), std::move(done));
        if (done) done(fail(stopped_error()));
      });
  if (!is_running) refuse(stopped_error());
}

}  // namespace

// --- subscriptions -------------------------------------------------------------------------------

// Later, also on the host's thread: it may be among its readers just now.
Subscription::State::~State() {
  (void)link.inbox->post_later([link = link, name = topic] {
    if (const auto service = link.service.lock()) (*service)->unsubscribe(name);
  });
}

bool Subscription::State::has_room(std::size_t size, const app::PubSubLoad& coming) const {
  const std::size_t messages = queue.size() + coming.messages;
  if (callback || messages == 0) return true;
  return messages < options.messages_max && bytes + coming.bytes + size <= options.bytes_max;
}

std::optional<Message> Subscription::next(std::chrono::milliseconds timeout) {
  std::optional<Message> message;
  bool made_room = false;
  {
    std::unique_lock lock(state_->mutex);
    state_->has_news.wait_for(lock, timeout,
                              [&] { return !state_->queue.empty() || state_->is_over; });
    if (state_->queue.empty()) return std::nullopt;
    message = std::move(state_->queue.front());
    state_->queue.pop_front();
    state_->bytes -= message->data.size();
    made_room = std::exchange(state_->holds_back, false);
  }
  if (made_room) {
    (void)tell(state_->link,
               [name = state_->topic](app::UserPubSub& service) { service.release_held(name); });
  }
  return message;
}

void Subscription::on_message(std::function<void(const Message&)> callback) {
  (void)state_->link.inbox->post([state = state_, callback = std::move(callback)] {
    std::deque<Message> early;
    {
      const std::lock_guard lock(state->mutex);
      if (state->is_over) return;
      early = std::exchange(state->queue, {});
      state->bytes = 0;
      state->holds_back = false;
      state->callback = std::make_shared<const std::function<void(const Message&)>>(callback);
    }
    for (const Message& message : early) callback(message);
    const auto service = state->link.service.lock();
    if (service) (*service)->release_held(state->topic);
  });
}

std::uint64_t Subscription::dropped() const {
  const std::lock_guard lock(state_->mutex);
  return state_->dropped;
}

void Subscription::cancel() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->is_over = true;
    state_->callback = nullptr;
    state_->has_news.notify_all();
  }
  (void)tell(state_->link,
             [name = state_->topic](app::UserPubSub& service) { service.unsubscribe(name); });
}

// --- topics --------------------------------------------------------------------------------------

Topic::State::~State() {
  (void)link.inbox->post_later([link = link, topic = name] {
    if (const auto service = link.service.lock()) (*service)->leave(topic);
  });
}

const std::string& Topic::name() const { return state_->name; }

void Topic::publish(std::span<const std::uint8_t> data,
                    std::function<void(Result<std::size_t>)> done) {
  publish_buffer(state_, Buffer(data), std::move(done));
}

void Topic::publish(std::shared_ptr<const std::vector<std::uint8_t>> data,
                    std::function<void(Result<std::size_t>)> done) {
  publish_buffer(state_, Buffer(std::move(data)), std::move(done));
}

Result<std::size_t> Topic::publish_wait(std::span<const std::uint8_t> data) {
  std::promise<Result<std::size_t>> answer;
  publish(data, [&](Result<std::size_t> result) { answer.set_value(std::move(result)); });
  return answer.get_future().get();
}

Subscription Topic::subscribe(SubscriptionOptions options) {
  auto state = std::make_shared<Subscription::State>();
  state->link = state_->link;
  state->topic = state_->name;
  state->options = options;
  state->options.messages_max = std::max<std::size_t>(options.messages_max, 1);
  // The topic's handle travels along: until the reader is known nobody may leave the topic.
  const bool is_running = tell(state_->link, [state, topic = state_](app::UserPubSub& service) {
    service.subscribe(state);
  });
  if (!is_running) state->is_over = true;
  return Subscription(std::move(state));
}

std::vector<std::string> Topic::peers() const {
  using Names = std::vector<std::string>;
  return ask<Names>(state_->link,
                    [&](app::UserPubSub& service) { return service.peers_of(state_->name); })
      .value_or(Names());
}

std::vector<std::string> Topic::mesh() const {
  using Names = std::vector<std::string>;
  return ask<Names>(state_->link,
                    [&](app::UserPubSub& service) { return service.mesh_of(state_->name); })
      .value_or(Names());
}

// --- all topics ----------------------------------------------------------------------------------

Result<Topic> PubSub::join(std::string topic, TopicOptions options) {
  const std::size_t bytes_max = codec::GossipLimits().topic_bytes_max;
  if (topic.size() > bytes_max) {
    return fail(Code::too_large,
                base::format("topic of {} bytes, limit {}", topic.size(), bytes_max));
  }
  auto state = std::make_shared<Topic::State>();
  state->link = impl_->link;
  state->name = std::move(topic);
  state->options = std::move(options);
  const auto joined =
      ask<Result<void>>(state->link, [&](app::UserPubSub& service) { return service.join(state); });
  if (!joined) return fail(stopped_error());
  TRY_VOID(*joined);
  return Topic(std::move(state));
}

std::vector<std::string> PubSub::topics() const {
  using Names = std::vector<std::string>;
  return ask<Names>(impl_->link, [](app::UserPubSub& service) { return service.topics(); })
      .value_or(Names());
}

}  // namespace kith
