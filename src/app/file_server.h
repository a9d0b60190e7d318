// Takes files that peers offer (docs/protocol/file.md) and puts them into a folder. Each transfer
// has a thread of its own for the disk; what waits for it is bounded by the stream's window, which
// opens again only as the bytes are written.
//
// Limits: `transfers_max` at once and `transfers_of_peer_max` of one peer, more are answered
// `busy`; 30 s for an offer; a sender that sends nothing for 60 s is given up, and its part stays.
// A stream outlives its verdict or refusal by `goodbye_timeout`, and file_refused_max of those that
// were refused without a transfer are there at once: what is beyond is reset.
//
// Threads: any, one at a time.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include <kith/host.h>

#include "app/file_receive.h"

namespace kith::app {

/// Streams that were refused and have not ended, and refusals that wait() has not told yet.
inline constexpr std::size_t file_refused_max = 32;

struct FileServerRules {
  IncomingFile::Rules files;
  std::vector<std::string> from = {};  // peer ids; empty: from everybody
  std::size_t transfers_max = 8;
  std::size_t transfers_of_peer_max = 2;
  /// How long a sender may take to hear a verdict or a refusal, and to end its side; then its
  /// stream is reset.
  std::chrono::milliseconds goodbye_timeout = std::chrono::seconds(5);
};

/// A file that is whole and has its name.
struct FileReceived {
  std::string peer, name, path, transport;
  std::uint64_t size = 0;
  std::uint64_t offset = 0;  // what an earlier try had brought
  crypto::Hash256 sha256{};
  double seconds = 0;  // from the answer to the last byte on the disk
};
/// An offer that came to nothing.
struct FileFailed {
  std::string peer, name;  // name: empty before there is one
  Error error;
};
using FileEvent = std::variant<FileReceived, FileFailed>;

/// How far one file is.
struct FileProgress {
  std::uint64_t size = 0;
  std::uint64_t offset = 0;
  std::uint64_t done = 0;  // with the offset
  double seconds = 0;
};

/// "udp/kith", "tcp" and so on (PeerDetails::transport); empty without a connection.
std::string transport_name(const Host& host, const std::string& peer);

class FileServer {
 public:
  /// `host` outlives it. Error: `exists`, the host has such a server.
  static Result<std::unique_ptr<FileServer>> start(Host& host, FileServerRules rules);
  /// stop().
  ~FileServer();
  FileServer(const FileServer&) = delete;
  FileServer& operator=(const FileServer&) = delete;

  /// What has happened since it was asked; waits for it for up to `timeout`. To be called again and
  /// again: what it has not told holds its place, and it ends streams that were refused.
  std::vector<FileEvent> wait(std::chrono::milliseconds timeout);
  /// Of the transfer that began first; empty when there is none.
  std::optional<FileProgress> progress() const;
  /// Gives up what is under way; parts stay. Later streams are reset.
  void stop();

 private:
  struct Shared;
  explicit FileServer(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}
  std::shared_ptr<Shared> shared_;  // with the host's handler
};

}  // namespace kith::app
