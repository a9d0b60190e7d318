#include "app/user_pubsub.h"

#include <algorithm>
#include <utility>

#include "base/format.h"
#include "codec/peer_id.h"

namespace kith::app {
namespace {

/// Beyond it milliseconds are no Duration.
constexpr std::chrono::milliseconds age_max = std::chrono::years(1);

Message in_public_words(gossip::Message message) {
  Message told;
  told.topic = std::move(message.topic);
  if (message.author) told.author = codec::to_text(*message.author);
  told.seqno = message.seqno;
  if (message.received_from) told.received_from = codec::to_text(*message.received_from);
  const auto owner = std::make_shared<const Buffer>(std::move(message.data));
  told.data = owner->view();
  told.owner = owner;
  return told;
}

gossip::Verdict in_gossip_words(Verdict verdict) {
  switch (verdict) {
    case Verdict::accept: return gossip::Verdict::accept;
    case Verdict::reject: return gossip::Verdict::reject;
    case Verdict::ignore: return gossip::Verdict::ignore;
  }
  return gossip::Verdict::ignore;  // a number that is none of them: nobody is to blame
}

std::vector<std::string> texts_of(const std::vector<PeerId>& peers) {
  std::vector<std::string> texts;
  for (const PeerId& peer : peers) texts.push_back(codec::to_text(peer));
  return texts;
}

base::Priority in_base_words(TopicOptions::Priority priority) {
  using Public = TopicOptions::Priority;
  switch (priority) {
    case Public::consensus: return base::Priority::consensus;
    case Public::blocks: return base::Priority::blocks;
    case Public::transactions: return base::Priority::transactions;
    case Public::application: return base::Priority::application;
    case Public::bulk: return base::Priority::bulk;
  }
  return base::Priority::application;  // a number that is none of them
}

bool holds(const Subscription::State& reader) {
  return reader.options.when_full == SubscriptionOptions::WhenFull::hold;
}

}  // namespace

Result<void> UserPubSub::join(const std::shared_ptr<Topic::State>& topic) {
  Joined& joined = topics_[topic->name];
  if (!joined.handle.expired()) {
    return fail(Code::exists, base::format("topic {} is joined already", topic->name));
  }
  joined.handle = topic;
  joined.options = topic->options;
  return {};
}

void UserPubSub::leave(const std::string& topic) {
  const auto found = topics_.find(topic);
  if (found == topics_.end() || !found->second.handle.expired()) return;
  if (found->second.readers.empty()) topics_.erase(found);
}

void UserPubSub::publish(const Topic::State& topic, Buffer data,
                         std::function<void(Result<std::size_t>)> done) {
  const Token token{next_token_++};
  publishing_.emplace(token, std::move(done));
  const auto found = topics_.find(topic.name);
  gossip::TopicOptions options;
  if (found != topics_.end()) options = router_options(found->second);
  command_(gossip::Publish{token, topic.name, std::move(data), std::move(options)});
}

void UserPubSub::subscribe(const std::shared_ptr<Subscription::State>& subscription) {
  topics_[subscription->topic].readers.push_back(subscription);
  update(subscription->topic);
}

void UserPubSub::unsubscribe(const std::string& topic) {
  const auto found = topics_.find(topic);
  if (found == topics_.end()) return;
  std::erase_if(found->second.readers, [](const std::weak_ptr<Subscription::State>& reader) {
    const auto state = reader.lock();
    if (!state) return true;
    const std::lock_guard lock(state->mutex);
    return state->is_over;
  });
  update(topic);
  release_held(topic);
  leave(topic);
}

// Brings the router up to date: subscribed while there are readers, asking while somebody judges.
void UserPubSub::update(const std::string& topic) {
  Joined& joined = topics_.at(topic);
  if (!joined.readers.empty()) {
    command_(gossip::Subscribe{topic, router_options(joined)});
    joined.is_subscribed = true;
  } else if (std::exchange(joined.is_subscribed, false)) {
    command_(gossip::Unsubscribe{topic});
  }
}

gossip::TopicOptions UserPubSub::router_options(const Joined& joined) const {
  gossip::TopicOptions options;
  options.policy = joined.options.is_signed ? codec::SignaturePolicy::strict_sign
                                            : codec::SignaturePolicy::strict_no_sign;
  if (joined.options.message_id) {
    options.id_function = [rule = joined.options.message_id](std::string_view,
                                                             const codec::GossipMessage& message) {
      return rule(message.data.value_or(ByteView()));
    };
  }
  options.priority = in_base_words(joined.options.priority);
  if (joined.options.max_age > 0ms) {
    options.max_age = std::min<std::chrono::milliseconds>(joined.options.max_age, age_max);
  }
  options.is_compressed = joined.options.is_compressed;
  options.has_validator = joined.options.validator != nullptr ||
                          std::ranges::any_of(joined.readers, [](const auto& reader) {
                            const auto state = reader.lock();
                            return state && holds(*state);
                          });
  return options;
}

void UserPubSub::on_validate(Token token, gossip::Message message) {
  const auto found = topics_.find(message.topic);
  if (found == topics_.end()) return judge(token, Verdict::ignore);
  const std::size_t size = message.data.size();
  const std::string topic = message.topic;
  if (!found->second.options.validator) return let_in(topic, token, size);
  // It may answer from any thread, after we are gone, or twice: the router takes one answer.
  const auto answer = [link = link(), topic, token, size](Verdict verdict) {
    (void)link.inbox->post([link, topic, token, size, verdict] {
      const auto service = link.service.lock();
      if (!service) return;
      if (verdict != Verdict::accept) return (*service)->judge(token, verdict);
      (*service)->let_in(topic, token, size);
    });
  };
  const Validator validator = found->second.options.validator;
  validator(in_public_words(std::move(message)), answer);
}

void UserPubSub::judge(Token token, Verdict verdict) {
  command_(gossip::Validated{token, in_gossip_words(verdict)});
}

// Accepts it when every reader that holds has room, which is kept for it.
void UserPubSub::let_in(const std::string& topic, Token token, std::size_t size) {
  const auto found = topics_.find(topic);
  if (found == topics_.end()) return judge(token, Verdict::ignore);
  std::vector<std::shared_ptr<Subscription::State>> holders;
  for (const auto& reader : found->second.readers) {
    auto state = reader.lock();
    if (state && holds(*state)) holders.push_back(std::move(state));
  }
  for (const auto& state : holders) {
    const std::lock_guard lock(state->mutex);
    if (state->is_over || state->has_room(size)) continue;
    state->holds_back = true;
    found->second.held.push_back({token, size});
    return;
  }
  for (const auto& state : holders) {
    const std::lock_guard lock(state->mutex);
    ++state->reserved;
    state->reserved_bytes += size;
  }
  judge(token, Verdict::accept);
}

void UserPubSub::release_held(const std::string& topic) {
  const auto found = topics_.find(topic);
  if (found == topics_.end()) return;
  for (const Held& held : std::exchange(found->second.held, {})) {
    let_in(topic, held.token, held.size);
  }
}

std::vector<std::string> UserPubSub::peers_of(const std::string& topic) const {
  return node_.router() == nullptr ? std::vector<std::string>()
                                   : texts_of(node_.router()->peers_of(topic));
}

std::vector<std::string> UserPubSub::mesh_of(const std::string& topic) const {
  return node_.router() == nullptr ? std::vector<std::string>()
                                   : texts_of(node_.router()->mesh_of(topic));
}

std::vector<std::string> UserPubSub::topics() const {
  return node_.router() == nullptr ? std::vector<std::string>() : node_.router()->subscribed();
}

void UserPubSub::on_deliver(gossip::Message message) {
  const auto found = topics_.find(message.topic);
  if (found == topics_.end()) return;
  const bool is_own = !message.received_from;
  const Message told = in_public_words(std::move(message));
  const std::vector<std::weak_ptr<Subscription::State>> readers = found->second.readers;
  for (const auto& reader : readers) {
    const auto state = reader.lock();
    if (!state) continue;
    if (holds(*state) && !is_own) {
      const std::lock_guard lock(state->mutex);
      state->reserved -= std::min<std::size_t>(state->reserved, 1);
      state->reserved_bytes -= std::min(state->reserved_bytes, told.data.size());
    }
    push(*state, told);
  }
}

void UserPubSub::push(Subscription::State& reader, const Message& message) {
  std::function<void(const Message&)> callback;
  {
    const std::lock_guard lock(reader.mutex);
    if (reader.is_over) return;
    callback = reader.callback;
    if (!callback && !reader.has_room(message.data.size())) {
      ++reader.dropped;
      return;
    }
    if (!callback) {
      reader.bytes += message.data.size();
      reader.queue.push_back(message);
    }
  }
  if (callback) return callback(message);
  reader.has_news.notify_one();
}

void UserPubSub::on_published(gossip::Published published) {
  auto waiting = publishing_.extract(published.token);
  if (!waiting.empty() && waiting.mapped()) waiting.mapped()(std::move(published.recipients));
}

void UserPubSub::end_all(const Error& error) {
  for (auto& [token, done] : std::exchange(publishing_, {})) {
    if (done) done(fail(error));
  }
  for (auto& [name, joined] : std::exchange(topics_, {})) {
    for (const auto& reader : joined.readers) {
      const auto state = reader.lock();
      if (!state) continue;
      const std::lock_guard lock(state->mutex);
      state->is_over = true;
      state->callback = nullptr;
      state->has_news.notify_all();
    }
  }
  self_.reset();
}

}  // namespace kith::app
