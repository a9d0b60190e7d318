// TLS 1.3 over TCP by OpenSSL, AES-256-GCM in records of 16 KiB; with --plain, TCP alone. The
// congestion control is set on the socket, for what the machine's default is decides all else.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <functional>
#include <thread>

#include "peer.h"

namespace {

using peer::Options;
using peer::require;
using peer::Result;
using peer::Stopwatch;

constexpr std::size_t record_bytes = 16384;
constexpr double connect_s = 10;

sockaddr_in address_of(const Options& options) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(options.port);
  require(::inet_pton(AF_INET, options.address.c_str(), &address.sin_addr) == 1, "--address");
  return address;
}

void prepare(int socket, const Options& options) {
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const std::string& name = options.congestion;
  require(::setsockopt(socket, IPPROTO_TCP, TCP_CONGESTION, name.data(),
                       static_cast<socklen_t>(name.size())) == 0,
          "TCP_CONGESTION");
}

void use_new_certificate(SSL_CTX* context) {
  EVP_PKEY* key = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  X509* certificate = X509_new();
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
  X509_NAME* name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("bench"), -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  X509_set_pubkey(certificate, key);
  require(X509_sign(certificate, key, nullptr) > 0 &&
              SSL_CTX_use_certificate(context, certificate) == 1 &&
              SSL_CTX_use_PrivateKey(context, key) == 1,
          "certificate");
  X509_free(certificate);
  EVP_PKEY_free(key);
}

SSL_CTX* new_context(const Options& options) {
  SSL_CTX* context = SSL_CTX_new(options.is_sender ? TLS_client_method() : TLS_server_method());
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  require(SSL_CTX_set_ciphersuites(context, "TLS_AES_256_GCM_SHA384") == 1, "cipher");
  SSL_CTX_set1_groups_list(context, "X25519");
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context, SSL_MODE_AUTO_RETRY);
  if (!options.is_sender) {
    use_new_certificate(context);
    SSL_CTX_set_session_id_context(context, reinterpret_cast<const unsigned char*>("b"), 1);
    if (options.mode == "handshakes") SSL_CTX_set_num_tickets(context, 0);
    if (options.mode == "resumed") SSL_CTX_set_num_tickets(context, 1);
  }
  return context;
}

// One connection, encrypted or not.
class Wire {
 public:
  Wire(SSL_CTX* context, int socket, const Options& options, SSL_SESSION* session = nullptr)
      : socket_(socket) {
    if (options.is_plain) return;
    ssl_ = SSL_new(context);
    SSL_set_fd(ssl_, socket);
    if (session != nullptr) SSL_set_session(ssl_, session);
    if ((options.is_sender ? SSL_connect(ssl_) : SSL_accept(ssl_)) != 1) {
      peer::die("TLS handshake failed");
    }
  }
  ~Wire() {
    // Else OpenSSL takes the connection for broken and its session is not resumed.
    if (ssl_ != nullptr) SSL_set_shutdown(ssl_, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(ssl_);
    ::close(socket_);
  }
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  /// False when the other side is gone.
  bool write(const unsigned char* bytes, std::size_t size) {
    if (ssl_ != nullptr) return SSL_write(ssl_, bytes, static_cast<int>(size)) > 0;
    for (std::size_t done = 0; done < size;) {
      const ssize_t count = ::write(socket_, bytes + done, size - done);
      if (count <= 0) return false;
      done += static_cast<std::size_t>(count);
    }
    return true;
  }
  /// What is there; 0 at the end.
  std::size_t read(unsigned char* bytes, std::size_t size) {
    const ssize_t count = ssl_ != nullptr ? SSL_read(ssl_, bytes, static_cast<int>(size))
                                          : ::read(socket_, bytes, size);
    return count > 0 ? static_cast<std::size_t>(count) : 0;
  }
  bool read_all(unsigned char* bytes, std::size_t size) {
    for (std::size_t done = 0; done < size;) {
      const std::size_t count = read(bytes + done, size - done);
      if (count == 0) return false;
      done += count;
    }
    return true;
  }
  void end() {
    if (ssl_ != nullptr) SSL_shutdown(ssl_);
    ::shutdown(socket_, SHUT_WR);
  }
  SSL* ssl() { return ssl_; }
  int socket() const { return socket_; }

 private:
  int socket_;
  SSL* ssl_ = nullptr;
};

int dial(const Options& options) {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  prepare(socket, options);
  const sockaddr_in address = address_of(options);
  const Stopwatch watch;
  while (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    require(errno == EINTR && watch.seconds() < connect_s, "connect");
  }
  return socket;
}

// --- sender
// ---------------------------------------------------------------------------------------

Result send_stream(Wire& wire, const Options& options) {
  std::vector<unsigned char> record(record_bytes, 7);
  Result result;
  const Stopwatch watch;
  while (peer::goes_on(options, result.bytes, watch)) {
    if (!wire.write(record.data(), record.size())) break;  // the receiver has seen enough
    result.bytes += record.size();
  }
  wire.end();
  wire.read(record.data(), 1);  // its end
  result.seconds = watch.seconds();
  return result;
}

Result send_requests(Wire& wire, const Options& options) {
  const std::size_t in_flight = options.mode == "ping" ? 1 : peer::requests_in_flight;
  std::vector<unsigned char> message(options.message_bytes, 7);
  std::vector<double> sent_at(options.count);
  Result result;
  const Stopwatch watch;
  std::uint64_t asked = 0;
  while (result.messages < options.count) {
    for (; asked < options.count && asked - result.messages < in_flight; ++asked) {
      sent_at[asked] = watch.seconds();
      if (!wire.write(message.data(), message.size())) peer::die("the receiver is gone");
    }
    if (!wire.read_all(message.data(), message.size())) peer::die("the receiver is gone");
    result.round_trips_us.push_back((watch.seconds() - sent_at[result.messages]) * 1e6);
    ++result.messages;
  }
  result.seconds = watch.seconds();
  result.bytes = result.messages * message.size();
  wire.end();
  return result;
}

// Each thread's own: a ticket of TLS 1.3 is for one use.
thread_local SSL_SESSION* kept_session = nullptr;

int keep_session(SSL*, SSL_SESSION* session) {
  SSL_SESSION_free(kept_session);
  kept_session = session;
  return 1;
}

/// Does one thing `count` times, by as many threads as there are handshakes in flight.
void in_threads(std::uint64_t count, const std::function<void()>& one) {
  std::atomic<std::uint64_t> begun = 0;
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < peer::handshakes_in_flight; ++i) {
    threads.emplace_back([&] {
      while (begun.fetch_add(1) < count) one();
    });
  }
  for (std::thread& thread : threads) thread.join();
}

Result send_handshakes(SSL_CTX* context, const Options& options) {
  if (options.mode == "resumed") {
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, keep_session);
  }
  std::atomic<std::uint64_t> resumed = 0;
  const Stopwatch watch;
  in_threads(options.count, [&] {
    Wire wire(context, dial(options), options, kept_session);
    unsigned char byte = 1;  // there and back: the ticket has come, and both sides are done
    if (!wire.write(&byte, 1) || !wire.read_all(&byte, 1)) peer::die("the receiver is gone");
    if (SSL_session_reused(wire.ssl()) == 1) ++resumed;
    const linger at_once{1, 0};  // no port is left waiting
    ::setsockopt(wire.socket(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  });
  Result result;
  result.messages = options.count;
  result.seconds = watch.seconds();
  if (options.mode == "resumed" && resumed + peer::handshakes_in_flight < options.count) {
    peer::die("not resumed");
  }
  return result;
}

// --- receiver
// -------------------------------------------------------------------------------------

// From the first byte to the last, or until `seconds` have passed.
Result receive_stream(Wire& wire, const Options& options) {
  std::vector<unsigned char> buffer(256 * 1024);
  Result result;
  result.bytes = wire.read(buffer.data(), buffer.size());
  const Stopwatch watch;
  while (options.bytes > 0 || watch.seconds() < options.seconds) {
    pollfd readable{wire.socket(), POLLIN, 0};
    const bool is_there = options.is_plain || SSL_has_pending(wire.ssl()) == 1;
    if (options.bytes == 0 && !is_there && ::poll(&readable, 1, 100) == 0) continue;
    const std::size_t count = wire.read(buffer.data(), buffer.size());
    if (count == 0) break;
    result.bytes += count;
  }
  result.seconds = watch.seconds();
  return result;
}

Result echo(Wire& wire, const Options& options) {
  std::vector<unsigned char> message(options.message_bytes);
  Result result;
  const Stopwatch watch;
  while (wire.read_all(message.data(), message.size())) {
    if (!wire.write(message.data(), message.size())) break;
    ++result.messages;
  }
  result.seconds = watch.seconds();
  return result;
}

Result receive(SSL_CTX* context, const Options& options) {
  const int acceptor = ::socket(AF_INET, SOCK_STREAM, 0);
  prepare(acceptor, options);
  sockaddr_in address = address_of(options);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  const int on = 1;
  ::setsockopt(acceptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  require(::bind(acceptor, generic, size) == 0 && ::listen(acceptor, 128) == 0, "listen");
  require(::getsockname(acceptor, generic, &size) == 0, "getsockname");
  peer::say_listening(ntohs(address.sin_port));

  const auto accepted = [&] {
    const int socket = ::accept(acceptor, nullptr, nullptr);
    require(socket >= 0, "accept");
    prepare(socket, options);
    return socket;
  };
  if (options.mode == "handshakes" || options.mode == "resumed") {
    Result result;
    const Stopwatch watch;
    in_threads(options.count, [&] {
      Wire wire(context, accepted(), options);
      unsigned char byte = 0;
      if (wire.read_all(&byte, 1)) wire.write(&byte, 1);
      wire.read(&byte, 1);  // the other side closes first
    });
    result.messages = options.count;
    result.seconds = watch.seconds();
    return result;
  }
  Wire wire(context, accepted(), options);
  return options.mode == "stream" ? receive_stream(wire, options) : echo(wire, options);
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  const Options options = peer::read_options(argc, argv);
  SSL_CTX* context = new_context(options);
  Result result;
  if (!options.is_sender) {
    result = receive(context, options);
  } else if (options.mode == "handshakes" || options.mode == "resumed") {
    result = send_handshakes(context, options);
  } else {
    Wire wire(context, dial(options), options);
    result = options.mode == "stream" ? send_stream(wire, options) : send_requests(wire, options);
  }
  peer::say(options, result);
  SSL_CTX_free(context);
  return 0;
}
