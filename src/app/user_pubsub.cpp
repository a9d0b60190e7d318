#include "app/user_pubsub.h"

#include <algorithm>
#include <utility>

#include "base/format.h"
#include "codec/peer_id.h"

namespace kith::app {
namespace {

/// Beyond it milliseconds are no Duration.
constexpr std::chrono::milliseconds age_max = std::chrono::years(1);

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

void push(Subscription::State& reader, Message& message, bool is_last) {
  std::shared_ptr<const std::function<void(const Message&)>> callback;
  {
    const std::lock_guard lock(reader.mutex);
    if (reader.is_over) return;
    callback = reader.callback;
    // One that holds has had the message let in, and so has room for it.
    if (!reader.holds() && !reader.has_room(message.data.size())) {
      ++reader.dropped;
      return;
    }
    if (!callback) {
      reader.bytes += message.data.size();
      reader.queue.push_back(is_last ? std::move(message) : message);
    }
  }
  if (callback) return (*callback)(message);
  reader.has_news.notify_one();
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

}  // namespace

const std::string& PeerTexts::of(const PeerId& peer) {
  const ByteView bytes = peer.bytes();
  auto& [known, text] = places_[bytes.empty() ? 0 : bytes.back() % places_.size()];
  if (known != peer) {
    known = peer;
    text = codec::to_text(peer);
  }
  return text;
}

Message UserPubSub::in_public_words(gossip::Message message) {
  Message told;
  told.topic = std::move(message.topic);
  if (message.author) told.author = peer_texts_.of(*message.author);
  told.seqno = message.seqno;
  if (message.received_from) told.received_from = peer_texts_.of(*message.received_from);
  const auto owner = std::make_shared<const Buffer>(std::move(message.data));
  told.data = owner->view();
  told.owner = owner;
  return told;
}

Result<void> UserPubSub::join(const std::shared_ptr<Topic::State>& topic) {
  Joined& joined = topics_[topic->name];
  if (!joined.handle.expired()) {
    return fail(Code::exists, base::format("topic {} is joined already", topic->name));
  }
  if (!joined.readers->empty()) {
    return fail(Code::exists, base::format("topic {} still has subscriptions", topic->name));
  }
  joined.handle = topic;
  joined.options = topic->options;
  return {};
}

void UserPubSub::leave(const std::string& topic) {
  const auto found = topics_.find(topic);
  if (found == topics_.end() || !found->second.handle.expired()) return;
  if (found->second.readers->empty()) topics_.erase(found);
}

void UserPubSub::publish(const Topic::State& topic, Buffer data,
                         std::function<void(Result<std::size_t>)> done) {
  const std::size_t size = data.size();
  gossip::TopicOptions options;
  if (Joined* found = joined(topic.name)) {
    // Those that wait came first.
    if (!found->held.empty() || !has_room(*found, size)) {
      if (done) done(fail(Code::limit, "a subscription of this host holds the topic back"));
      return;
    }
    found->coming.add(size);
    options = router_options(*found);
  }
  const Token token{next_token_++};
  publishing_.emplace(token, Publishing{std::move(done), topic.name, size});
  command_(gossip::Publish{token, topic.name, std::move(data), std::move(options)});
}

void UserPubSub::subscribe(const std::shared_ptr<Subscription::State>& subscription) {
  Joined& joined = topics_[subscription->topic];
  Readers readers = *joined.readers;
  readers.push_back(subscription);
  joined.readers = std::make_shared<const Readers>(std::move(readers));
  update(subscription->topic);
}

void UserPubSub::unsubscribe(const std::string& topic) {
  Joined* found = joined(topic);
  if (found == nullptr) return;
  Readers readers;
  for (const auto& reader : *found->readers) {
    const auto state = reader.lock();
    if (!state) continue;
    const std::lock_guard lock(state->mutex);
    if (!state->is_over) readers.push_back(reader);
  }
  found->readers = std::make_shared<const Readers>(std::move(readers));
  update(topic);
  release_held(topic);
  leave(topic);
}

// Brings the router up to date: subscribed while there are readers, asking while somebody judges.
void UserPubSub::update(const std::string& topic) {
  Joined& joined = topics_.at(topic);
  if (!joined.readers->empty()) {
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
                          std::ranges::any_of(*joined.readers, [](const auto& reader) {
                            const auto state = reader.lock();
                            return state && state->holds();
                          });
  return options;
}

UserPubSub::Joined* UserPubSub::joined(const std::string& topic) {
  const auto found = topics_.find(topic);
  return found == topics_.end() ? nullptr : &found->second;
}

void UserPubSub::on_validate(Token token, gossip::Message message) {
  const auto asked = asked_.emplace(token, Asked{message.topic, message.data.size()}).first;
  const Joined* found = joined(message.topic);
  if (found == nullptr) return on_answer(token, Verdict::ignore);
  if (!found->options.validator) return let_in(token, asked->second);
  // It may answer from any thread, after we are gone, or twice.
  const auto answer = [link = link(), token](Verdict verdict) {
    (void)link.inbox->post([link, token, verdict] {
      if (const auto service = link.service.lock()) (*service)->on_answer(token, verdict);
    });
  };
  const Validator validator = found->options.validator;
  validator(in_public_words(std::move(message)), answer);
}

// The first answer counts.
void UserPubSub::on_answer(Token token, Verdict verdict) {
  const auto asked = asked_.find(token);
  if (asked == asked_.end() || asked->second.state != Asked::State::judging) return;
  if (verdict == Verdict::accept) return let_in(token, asked->second);
  asked_.erase(asked);
  command_(gossip::Validated{token, in_gossip_words(verdict)});
}

// Accepts it when every reader that holds has room, which is kept for it; otherwise it waits.
void UserPubSub::let_in(Token token, Asked& asked) {
  Joined* found = joined(asked.topic);
  if (found == nullptr) return;  // left: the router knows
  if (found->held.empty() && has_room(*found, asked.size)) return admit(token, asked, *found);
  asked.state = Asked::State::held;
  found->held.push_back(token);
}

void UserPubSub::admit(Token token, Asked& asked, Joined& joined) {
  asked.state = Asked::State::let_in;
  joined.coming.add(asked.size);
  command_(gossip::Validated{token, gossip::Verdict::accept});
}

// A reader without room will say so when it has made some.
bool UserPubSub::has_room(const Joined& joined, std::size_t size) {
  for (const auto& reader : *joined.readers) {
    const auto state = reader.lock();
    if (!state || !state->holds()) continue;
    const std::lock_guard lock(state->mutex);
    if (state->is_over || state->has_room(size, joined.coming)) continue;
    state->holds_back = true;
    return false;
  }
  return true;
}

void UserPubSub::release_held(const std::string& topic) {
  Joined* found = joined(topic);
  if (found == nullptr) return;
  while (!found->held.empty()) {
    const Token token = found->held.front();
    Asked& asked = asked_.at(token);
    if (!has_room(*found, asked.size)) return;
    found->held.pop_front();
    admit(token, asked, *found);
  }
}

void UserPubSub::on_settled(Token token) {
  const auto settled = asked_.extract(token);
  if (settled.empty()) return;
  const Asked& asked = settled.mapped();
  Joined* found = joined(asked.topic);
  if (found == nullptr) return;
  if (asked.state == Asked::State::let_in) found->coming.remove(asked.size);
  if (asked.state == Asked::State::held) {
    const auto at = std::ranges::find(found->held, token);  // near the front: the oldest end first
    if (at != found->held.end()) found->held.erase(at);
  }
  release_held(asked.topic);
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
  const Joined* found = joined(message.topic);
  if (found == nullptr) return;
  const std::shared_ptr<const Readers> readers = found->readers;
  Message told = in_public_words(std::move(message));
  for (const auto& reader : *readers) {
    const bool is_last = &reader == &readers->back();
    if (const auto state = reader.lock()) push(*state, told, is_last);
  }
}

void UserPubSub::on_published(gossip::Published published) {
  auto ended = publishing_.extract(published.token);
  if (ended.empty()) return;
  const Publishing& publishing = ended.mapped();
  if (Joined* found = joined(publishing.topic)) {
    found->coming.remove(publishing.size);
    release_held(publishing.topic);
  }
  if (publishing.done) publishing.done(std::move(published.recipients));
}

void UserPubSub::end_all(const Error& error) {
  for (auto& [token, publishing] : std::exchange(publishing_, {})) {
    if (publishing.done) publishing.done(fail(error));
  }
  for (auto& [name, joined] : std::exchange(topics_, {})) {
    for (const auto& reader : *joined.readers) {
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
