// ZeroMQ with CURVE, PUSH and PULL: each message encrypted by itself.

#include <zmq.h>

#include <array>

#include "peer.h"

namespace {

using peer::Options;
using peer::require;
using peer::Result;
using peer::Stopwatch;

constexpr std::size_t stream_message_bytes = 64 * 1024;
constexpr int linger_ms = 10000;
// The receiver's secret key, known to both: this measures, it protects nothing.
constexpr const char* secret = "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6";

using KeyText = std::array<char, 41>;

void set_text(void* socket, int option, const char* text) {
  require(zmq_setsockopt(socket, option, text, std::strlen(text)) == 0, "zmq_setsockopt");
}

Result send(void* context, const Options& options) {
  void* socket = zmq_socket(context, ZMQ_PUSH);
  KeyText server{}, own_public{}, own_secret{};
  require(zmq_curve_public(server.data(), secret) == 0, "zmq_curve_public");
  require(zmq_curve_keypair(own_public.data(), own_secret.data()) == 0, "zmq_curve_keypair");
  set_text(socket, ZMQ_CURVE_SERVERKEY, server.data());
  set_text(socket, ZMQ_CURVE_PUBLICKEY, own_public.data());
  set_text(socket, ZMQ_CURVE_SECRETKEY, own_secret.data());
  zmq_setsockopt(socket, ZMQ_LINGER, &linger_ms, sizeof linger_ms);
  const std::string url = "tcp://" + options.address + ":" + std::to_string(options.port);
  require(zmq_connect(socket, url.c_str()) == 0, "zmq_connect");

  const std::size_t size = options.mode == "stream" ? stream_message_bytes : options.message_bytes;
  const std::vector<char> data(size, 7);
  Result result;
  const Stopwatch watch;
  while (peer::goes_on(options, result.bytes, watch)) {
    for (int i = 0; i < 16; ++i) {  // to look at the clock less often
      require(zmq_send(socket, data.data(), size, 0) >= 0, "zmq_send");
    }
    result.messages += 16;
    result.bytes += 16 * size;
  }
  zmq_send(socket, "", 0, 0);  // the end
  result.seconds = watch.seconds();
  zmq_close(socket);
  return result;
}

Result receive(void* context, const Options& options) {
  void* socket = zmq_socket(context, ZMQ_PULL);
  const int on = 1;
  zmq_setsockopt(socket, ZMQ_CURVE_SERVER, &on, sizeof on);
  set_text(socket, ZMQ_CURVE_SECRETKEY, secret);
  const std::string url =
      "tcp://" + options.address + ":" + (options.port == 0 ? "*" : std::to_string(options.port));
  require(zmq_bind(socket, url.c_str()) == 0, "zmq_bind");
  std::array<char, 256> bound{};
  std::size_t bound_size = bound.size();
  zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, bound.data(), &bound_size);
  const std::string text = bound.data();
  peer::say_listening(static_cast<std::uint16_t>(std::stoi(text.substr(text.rfind(':') + 1))));

  std::vector<char> buffer(stream_message_bytes);
  Result result;
  Stopwatch watch;
  while (true) {
    const int size = zmq_recv(socket, buffer.data(), buffer.size(), 0);
    require(size >= 0, "zmq_recv");
    if (result.messages == 0) watch = Stopwatch();
    if (size == 0) break;
    result.bytes += static_cast<std::size_t>(size);
    ++result.messages;
  }
  result.seconds = watch.seconds();
  zmq_close(socket);
  return result;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = peer::read_options(argc, argv);
  if (options.mode != "stream" && options.mode != "messages") peer::die("zmq: no such mode");
  void* context = zmq_ctx_new();
  Result result = options.is_sender ? send(context, options) : receive(context, options);
  peer::say(options, result);  // before the threads of the context end: what they used counts
  zmq_ctx_term(context);
  return 0;
}
