#include "rt/resolver.h"

#include <ares.h>
#include <netinet/in.h>

#include <list>
#include <map>
#include <optional>
#include <string_view>

namespace kith::rt {
namespace {

using codec::AddrProtocol;
using codec::Multiaddr;

constexpr int query_timeout_ms = 2000;
constexpr int query_tries = 3;
/// A few dnsaddr records pass the 512 bytes of plain DNS; this size is not fragmented on the way
/// (DNS flag day 2020). Longer answers come over TCP.
constexpr int edns_bytes = 1232;
constexpr int dns_class_in = 1;
constexpr int dns_type_txt = 16;
constexpr std::string_view dnsaddr_prefix = "dnsaddr=";

/// The address without its first component, as bytes.
ByteView behind_first(const Multiaddr& address) {
  const auto components = address.components();
  const ByteView bytes = address.bytes();
  const ByteView first = components.front().value;
  return bytes.subspan(static_cast<std::size_t>(first.data() - bytes.data()) + first.size());
}

bool ends_with(ByteView bytes, ByteView end) {
  return bytes.size() >= end.size() && base::equal(bytes.last(end.size()), end);
}

std::optional<ByteView> ip_of(const ares_addrinfo_node& node) {
  if (node.ai_family == AF_INET) {
    const auto* in = reinterpret_cast<const sockaddr_in*>(node.ai_addr);
    return ByteView(reinterpret_cast<const std::uint8_t*>(&in->sin_addr), 4);
  }
  if (node.ai_family == AF_INET6) {
    const auto* in = reinterpret_cast<const sockaddr_in6*>(node.ai_addr);
    return ByteView(reinterpret_cast<const std::uint8_t*>(&in->sin6_addr), 16);
  }
  return std::nullopt;
}

std::vector<std::string> txt_records(const unsigned char* answer, int size) {
  std::vector<std::string> records;
  ares_txt_ext* first = nullptr;
  if (ares_parse_txt_reply_ext(answer, size, &first) != ARES_SUCCESS) return records;
  for (const ares_txt_ext* part = first; part != nullptr; part = part->next) {
    if (part->record_start || records.empty()) records.emplace_back();
    records.back().append(reinterpret_cast<const char*>(part->txt), part->length);
  }
  ares_free_data(first);
  return records;
}

using Slot = std::vector<Multiaddr>;

/// One resolve(). Each name found on the way has a slot, so that answers that come in any order
/// stand in the order of the records.
struct Question {
  Multiaddr asked;
  Resolver::Done done;  // empty once answered
  std::list<Slot> slots;
  std::size_t pending = 0;
  std::size_t lookups = 0;
  Instant deadline;
  std::string reason = "no address";
};
using QuestionPtr = std::shared_ptr<Question>;

bool library_ready() {
  static const bool ready = ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS;
  return ready;
}

}  // namespace

struct Resolver::Inside {
  /// A socket of c-ares, which opens and closes it; we only wait on it.
  struct Watch {
    explicit Watch(asio::io_context& io) : socket(io) {}
    Descriptor socket;
    bool gone = false;
    bool wants_read = false, wants_write = false;
    bool read_armed = false, write_armed = false;
  };
  using WatchPtr = std::shared_ptr<Watch>;
  /// What c-ares carries for us from the query to its callback.
  struct Lookup {
    Inside& inside;
    QuestionPtr question;
    std::list<Slot>::iterator slot;
    Multiaddr address;
    int depth;
  };

  Inside(asio::io_context& io_context, std::vector<std::string> server_list, Duration limit,
         Log& logger)
      : io(io_context),
        servers(std::move(server_list)),
        time_max(limit),
        log(logger),
        timer(io_context) {}
  ~Inside() {
    for (const QuestionPtr& question : questions) question->done = nullptr;
    close_channel();
  }

  Result<void> open_channel();
  void close_channel();
  void resolve(const Multiaddr& address, Done done);
  void look_up(const QuestionPtr& question, std::list<Slot>::iterator slot,
               const Multiaddr& address, int depth);
  void add_records(Lookup& lookup, const std::vector<std::string>& records);
  void release(const QuestionPtr& question);
  void answer(const QuestionPtr& question, Result<std::vector<Multiaddr>> result);
  void watch(int fd, bool readable, bool writable);
  void arm(const WatchPtr& watched);
  void process(ares_socket_t read_fd, ares_socket_t write_fd);
  void on_timer();
  void arm_timer();

  static void on_socket(void* self, ares_socket_t fd, int readable, int writable);
  static void on_addresses(void* lookup, int status, int timeouts, ares_addrinfo* found);
  static void on_txt(void* lookup, int status, int timeouts, unsigned char* answer, int size);

  asio::io_context& io;
  std::vector<std::string> servers;
  Duration time_max;
  Log& log;
  Timer timer;
  ares_channel channel = nullptr;
  std::map<int, WatchPtr> watches;
  std::list<QuestionPtr> questions;
};

Resolver::Resolver(asio::io_context& io, std::vector<std::string> servers, Duration time_max,
                   Log& log)
    : inside_(std::make_unique<Inside>(io, std::move(servers), time_max, log)) {}
Resolver::~Resolver() = default;

void Resolver::resolve(const Multiaddr& address, Done done) {
  inside_->resolve(address, std::move(done));
}

// The channel lives while there is something to ask, so that a changed resolv.conf is noticed.
Result<void> Resolver::Inside::open_channel() {
  if (channel != nullptr) return {};
  ares_options options{};
  options.sock_state_cb = on_socket;
  options.sock_state_cb_data = this;
  options.timeout = query_timeout_ms;
  options.tries = query_tries;
  options.flags = ARES_FLAG_EDNS;
  options.ednspsz = edns_bytes;
  const int wanted = ARES_OPT_SOCK_STATE_CB | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_FLAGS |
                     ARES_OPT_EDNSPSZ;
  int status = library_ready() ? ares_init_options(&channel, &options, wanted) : ARES_EFILE;
  if (status != ARES_SUCCESS) {
    channel = nullptr;
    return fail(Code::io, std::string("the resolver does not start: ") + ares_strerror(status));
  }
  if (servers.empty()) return {};
  std::string list;
  for (const std::string& server : servers) list += (list.empty() ? "" : ",") + server;
  status = ares_set_servers_ports_csv(channel, list.c_str());
  if (status == ARES_SUCCESS) return {};
  close_channel();
  return fail(Code::config, "DNS servers \"" + list + "\": " + ares_strerror(status));
}

void Resolver::Inside::close_channel() {
  timer.cancel();
  if (channel != nullptr) ares_destroy(std::exchange(channel, nullptr));
}

void Resolver::Inside::resolve(const Multiaddr& address, Done done) {
  auto question = std::make_shared<Question>();
  question->asked = address;
  question->done = std::move(done);
  question->deadline = steady_now() + time_max;
  if (address.empty()) {
    return answer(question, fail(Code::malformed, "an empty address has no name to resolve"));
  }
  if (questions.size() >= resolves_at_once_max) {
    return answer(question, fail(Code::limit, "cannot resolve " + address.to_string() + ": " +
                                                  std::to_string(questions.size()) +
                                                  " look-ups are under way, the limit"));
  }
  if (auto opened = open_channel(); !opened) return answer(question, fail(opened.error()));
  questions.push_back(question);
  question->pending = 1;
  look_up(question, question->slots.emplace(question->slots.end()), address, 0);
  release(question);
  arm_timer();
}

// Puts the addresses behind `address` into the slot, now or when an answer comes.
void Resolver::Inside::look_up(const QuestionPtr& question, std::list<Slot>::iterator slot,
                               const Multiaddr& address, int depth) {
  const codec::AddrComponent first = address.components().front();
  const std::string name(base::as_text(first.value));
  ares_addrinfo_hints hints{};
  hints.ai_flags = ARES_AI_NOSORT;
  hints.ai_socktype = SOCK_STREAM;
  if (first.protocol == AddrProtocol::ip4 || first.protocol == AddrProtocol::ip6) {
    slot->push_back(address);
    return;
  } else if (first.protocol == AddrProtocol::dns) {
    hints.ai_family = AF_UNSPEC;
  } else if (first.protocol == AddrProtocol::dns4) {
    hints.ai_family = AF_INET;
  } else if (first.protocol == AddrProtocol::dns6) {
    hints.ai_family = AF_INET6;
  } else if (first.protocol != AddrProtocol::dnsaddr) {
    question->reason = "it does not begin with a name";
    return;
  }
  const bool is_dnsaddr = first.protocol == AddrProtocol::dnsaddr;
  if (is_dnsaddr && depth > dnsaddr_depth_max) {
    question->reason = "dnsaddr nested deeper than " + std::to_string(dnsaddr_depth_max);
    return;
  }
  if (++question->lookups > resolve_lookups_max) {
    question->reason = "more than " + std::to_string(resolve_lookups_max) + " names behind it";
    return;
  }
  ++question->pending;
  auto* lookup = new Lookup{*this, question, slot, address, depth};
  if (is_dnsaddr) {
    const std::string record = "_dnsaddr." + name;
    ares_query(channel, record.c_str(), dns_class_in, dns_type_txt, on_txt, lookup);
  } else {
    ares_getaddrinfo(channel, name.c_str(), nullptr, &hints, on_addresses, lookup);
  }
}

void Resolver::Inside::on_addresses(void* argument, int status, int, ares_addrinfo* found) {
  const std::unique_ptr<Lookup> lookup(static_cast<Lookup*>(argument));
  if (status == ARES_SUCCESS && found != nullptr) {
    for (const ares_addrinfo_node* node = found->nodes; node != nullptr; node = node->ai_next) {
      if (lookup->slot->size() >= resolved_addresses_max) break;
      const auto ip = ip_of(*node);
      if (!ip) continue;
      if (auto address = codec::resolved_to(lookup->address, *ip)) {
        lookup->slot->push_back(*std::move(address));
      }
    }
  } else {
    lookup->question->reason = ares_strerror(status);
  }
  if (found != nullptr) ares_freeaddrinfo(found);
  lookup->inside.release(lookup->question);
}

void Resolver::Inside::on_txt(void* argument, int status, int, unsigned char* reply, int size) {
  const std::unique_ptr<Lookup> lookup(static_cast<Lookup*>(argument));
  if (status == ARES_SUCCESS) {
    lookup->inside.add_records(*lookup, txt_records(reply, size));
  } else {
    lookup->question->reason = ares_strerror(status);
  }
  lookup->inside.release(lookup->question);
}

void Resolver::Inside::add_records(Lookup& lookup, const std::vector<std::string>& records) {
  const QuestionPtr& question = lookup.question;
  if (!question->done) return;  // its time is over
  const ByteView wanted_end = behind_first(lookup.address);
  std::size_t followed = 0;
  for (const std::string& record : records) {
    if (!record.starts_with(dnsaddr_prefix)) continue;
    const auto address = Multiaddr::parse(std::string_view(record).substr(dnsaddr_prefix.size()));
    if (!address || address->empty() || !ends_with(address->bytes(), wanted_end)) continue;
    if (++followed > resolved_addresses_max) break;
    const auto place = question->slots.emplace(lookup.slot);
    look_up(question, place, *address, lookup.depth + 1);
  }
}

// One look-up of the question has come to its end; the last one answers it.
void Resolver::Inside::release(const QuestionPtr& question) {
  if (--question->pending > 0 || !question->done) return;
  std::vector<Multiaddr> addresses;
  for (Slot& slot : question->slots) {
    for (Multiaddr& address : slot) {
      if (addresses.size() < resolved_addresses_max) addresses.push_back(std::move(address));
    }
  }
  if (addresses.empty()) {
    return answer(question, fail(Code::not_found, "cannot resolve " + question->asked.to_string() +
                                                      ": " + question->reason));
  }
  answer(question, std::move(addresses));
}

void Resolver::Inside::answer(const QuestionPtr& question, Result<std::vector<Multiaddr>> result) {
  const QuestionPtr held = question;
  questions.remove(held);
  if (const Done done = std::exchange(held->done, nullptr)) done(std::move(result));
  if (!questions.empty() || channel == nullptr) return;
  // Not at once: this may be inside one of the channel's own callbacks.
  asio::post(io, [this] {
    if (questions.empty()) close_channel();
  });
}

// --- the loop ------------------------------------------------------------------------------------

void Resolver::Inside::on_socket(void* self, ares_socket_t fd, int readable, int writable) {
  static_cast<Inside*>(self)->watch(fd, readable != 0, writable != 0);
}

void Resolver::Inside::watch(int fd, bool readable, bool writable) {
  auto found = watches.find(fd);
  if (!readable && !writable) {
    if (found == watches.end()) return;
    found->second->gone = true;
    found->second->socket.release();
    watches.erase(found);
    return;
  }
  if (found == watches.end()) {
    auto watched = std::make_shared<Watch>(io);
    ErrorCode error;
    watched->socket.assign(fd, error);
    if (error) return;  // c-ares' own time-out ends the query
    found = watches.emplace(fd, std::move(watched)).first;
  }
  found->second->wants_read = readable;
  found->second->wants_write = writable;
  arm(found->second);
}

void Resolver::Inside::arm(const WatchPtr& watched) {
  if (watched->wants_read && !std::exchange(watched->read_armed, true)) {
    watched->socket.async_wait(Descriptor::wait_read, [this, watched](ErrorCode error) {
      watched->read_armed = false;
      if (error || watched->gone) return;
      process(watched->socket.native_handle(), ARES_SOCKET_BAD);
      if (!watched->gone) arm(watched);
    });
  }
  if (watched->wants_write && !std::exchange(watched->write_armed, true)) {
    watched->socket.async_wait(Descriptor::wait_write, [this, watched](ErrorCode error) {
      watched->write_armed = false;
      if (error || watched->gone) return;
      process(ARES_SOCKET_BAD, watched->socket.native_handle());
      if (!watched->gone) arm(watched);
    });
  }
}

void Resolver::Inside::process(ares_socket_t read_fd, ares_socket_t write_fd) {
  if (channel != nullptr) ares_process_fd(channel, read_fd, write_fd);
  arm_timer();
}

void Resolver::Inside::on_timer() {
  process(ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  const Instant now = steady_now();
  std::vector<QuestionPtr> late;
  for (const QuestionPtr& question : questions) {
    if (question->deadline <= now) late.push_back(question);
  }
  for (const QuestionPtr& question : late) {
    answer(question, fail(Code::timeout, "cannot resolve " + question->asked.to_string() +
                                             ": no answer within " +
                                             std::to_string(base::to_ms(time_max)) + " ms"));
  }
  arm_timer();
}

void Resolver::Inside::arm_timer() {
  if (channel == nullptr || questions.empty()) return;
  timeval limit{1, 0};
  timeval room{};
  const timeval* wait = ares_timeout(channel, &limit, &room);
  const auto after = std::chrono::seconds(wait->tv_sec) + std::chrono::microseconds(wait->tv_usec) +
                     std::chrono::milliseconds(1);
  timer.expires_after(std::min<Duration>(after, time_max));
  timer.async_wait([this](ErrorCode error) {
    if (!error) on_timer();
  });
}

}  // namespace kith::rt
