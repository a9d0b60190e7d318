// Offers a file to a peer and sends what the peer does not have yet (docs/protocol/file.md).
// Blocks: on the disk, and on the peer, who may take as long as it likes to answer while the
// connection lives; a call of `is_stopped` says when to give up.
#pragma once

#include <functional>
#include <string>

#include <kith/host.h>

#include "app/file_server.h"

namespace kith::app {

struct FileSendOptions {
  std::string path;
  std::string name;  // offered; see codec::check_file_name()
  /// Asked several times a second, on any thread.
  std::function<bool()> is_stopped;
  /// Told now and then, on the caller's thread: how far `what` is.
  std::function<void(std::string_view what, const FileProgress& progress)> on_progress;
};

struct FileSent {
  std::string peer, name, transport;
  std::uint64_t size = 0;
  std::uint64_t offset = 0;  // what the peer had already
  crypto::Hash256 sha256{};
  double seconds = 0;  // from the peer's answer to its verdict
};

/// The base name of a path; may be one that cannot be offered.
std::string base_name(const std::string& path);

/// `target` is a multiaddr or a known peer's id. Errors: the file's, the connection's, `refused`,
/// `too_large` or `limit` with the peer's reason, `canceled`. Success means that the peer has the
/// file on its disk, with this hash.
Result<FileSent> send_file(Host& host, const std::string& target, const FileSendOptions& options);

}  // namespace kith::app
