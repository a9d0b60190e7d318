// The ceiling for an encrypted stream: TCP and ChaCha20-Poly1305 in 64 KiB records, nothing else.
//
// `bare_pipe listen` prints {"port":N}, `bare_pipe dial PORT BYTES` sends that many and prints
// {"seconds":S,"mib_s":R}: two processes and one connection, as Kith's perf has. Sealing is in
// place and each record is one send, so the rest of what a Noise and yamux connection costs is
// framing, copying and scheduling. The key is fixed: this measures, it protects nothing.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

constexpr std::size_t tag_bytes = 16;
constexpr std::size_t record_bytes = 65535;  // what a Noise message may be, tag included
constexpr std::size_t payload_bytes = record_bytes - tag_bytes;

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

void require(bool holds, const char* what) {
  if (!holds) die(what);
}

// One direction's cipher; the nonce counts records.
class Cipher {
 public:
  explicit Cipher(bool seals) : context_(EVP_CIPHER_CTX_new()), seals_(seals) {
    const std::array<unsigned char, 32> key{1};
    require(EVP_CipherInit_ex(context_, EVP_chacha20_poly1305(), nullptr, key.data(), nullptr,
                              seals ? 1 : 0) == 1,
            "cipher");
  }
  ~Cipher() { EVP_CIPHER_CTX_free(context_); }
  Cipher(const Cipher&) = delete;
  Cipher& operator=(const Cipher&) = delete;

  // Works in place on payload_bytes; the tag stands or is put behind them.
  void apply(unsigned char* record) {
    std::array<unsigned char, 12> nonce{};
    std::memcpy(nonce.data() + 4, &count_, sizeof count_);
    ++count_;
    unsigned char* tag = record + payload_bytes;
    int done = 0;
    bool good = EVP_CipherInit_ex(context_, nullptr, nullptr, nullptr, nonce.data(), -1) == 1;
    if (!seals_) {
      good = good && EVP_CIPHER_CTX_ctrl(context_, EVP_CTRL_AEAD_SET_TAG, tag_bytes, tag) == 1;
    }
    good = good && EVP_CipherUpdate(context_, record, &done, record, payload_bytes) == 1;
    good = good && EVP_CipherFinal_ex(context_, record + done, &done) == 1;
    if (seals_) {
      good = good && EVP_CIPHER_CTX_ctrl(context_, EVP_CTRL_AEAD_GET_TAG, tag_bytes, tag) == 1;
    }
    require(good, seals_ ? "seal" : "open");
  }

 private:
  EVP_CIPHER_CTX* context_;
  bool seals_;
  std::uint64_t count_ = 0;
};

// Reads a whole record; false at the end of the stream.
bool read_record(int socket, unsigned char* record) {
  std::size_t filled = 0;
  while (filled < record_bytes) {
    const ssize_t count = ::read(socket, record + filled, record_bytes - filled);
    if (count < 0) die("read");
    if (count == 0) return false;
    filled += static_cast<std::size_t>(count);
  }
  return true;
}

void write_all(int socket, const unsigned char* bytes, std::size_t size) {
  while (size > 0) {
    const ssize_t count = ::write(socket, bytes, size);
    if (count < 0) die("write");
    bytes += count;
    size -= static_cast<std::size_t>(count);
  }
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

int listen() {
  const int acceptor = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  require(::bind(acceptor, generic, size) == 0 && ::listen(acceptor, 1) == 0, "listen");
  require(::getsockname(acceptor, generic, &size) == 0, "getsockname");
  std::printf("{\"port\":%u}\n", ntohs(address.sin_port));
  std::fflush(stdout);
  while (true) {  // until it is killed
    const int socket = ::accept(acceptor, nullptr, nullptr);
    require(socket >= 0, "accept");
    Cipher open(false);
    std::vector<unsigned char> record(record_bytes);
    while (read_record(socket, record.data())) open.apply(record.data());
    write_all(socket, record.data(), 1);  // tells the dialler that all has been opened
    ::close(socket);
  }
}

int dial(std::uint16_t port, std::uint64_t bytes) {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  const sockaddr_in address = loopback(port);
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  require(::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0,
          "connect");
  Cipher seal(true);
  std::vector<unsigned char> record(record_bytes);
  const std::uint64_t records = (bytes + payload_bytes - 1) / payload_bytes;
  const auto start = std::chrono::steady_clock::now();
  for (std::uint64_t i = 0; i < records; ++i) {
    seal.apply(record.data());
    write_all(socket, record.data(), record_bytes);
  }
  ::shutdown(socket, SHUT_WR);
  require(::read(socket, record.data(), 1) == 1, "the listener's answer");
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  const double mib = static_cast<double>(records * payload_bytes) / 1024 / 1024;
  std::printf("{\"seconds\":%.6f,\"mib_s\":%.1f}\n", took.count(), mib / took.count());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "listen") == 0) return listen();
  if (argc == 4 && std::strcmp(argv[1], "dial") == 0) {
    return dial(static_cast<std::uint16_t>(std::strtoul(argv[2], nullptr, 10)),
                std::strtoull(argv[3], nullptr, 10));
  }
  std::fprintf(stderr, "usage: bare_pipe listen | bare_pipe dial PORT BYTES\n");
  return 2;
}
