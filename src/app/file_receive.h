// A file that comes from a peer, on this machine's disk: a part file that a later try goes on from,
// and at the end a file of its own under a name that was free. Knows no streams
// (app/file_server.h). One thread each; blocks on the disk.
//
// The part is DIR/.NAME.DIGEST.kith-part, where the digest is of the whole offer (name, size,
// hash): only the same content goes on from it, and two files of one name have two parts. It is
// locked while it is written. It stays when the transfer does not reach its end, and goes when the
// hash is wrong, or when nothing ever came.
#pragma once

#include <functional>
#include <string>

#include "codec/file_offer.h"
#include "crypto/sha256_stream.h"
#include "rt/os.h"

namespace kith::app {

/// What a peer calls a file, as it may stand on our disk and on our terminal: control characters
/// and those that turn the direction of text become '_', and so does a '.' or '-' at the beginning:
/// no stranger makes hidden files, or options of commands. REQUIRES: check_file_name().
std::string safe_file_name(std::string_view name);

/// The part's name within its folder.
std::string part_file_name(const codec::FileOffer& offer);

class IncomingFile {
 public:
  struct Rules {
    std::string dir;
    std::uint64_t size_max = codec::file_size_max;
  };
  /// Opens the part, or makes it, and hashes what it holds already; `is_canceled` is asked now and
  /// then. Errors: `too_large`, `limit` (no space), `locked` (somebody else writes it), `canceled`,
  /// what the system says.
  static Result<IncomingFile> open(const Rules& rules, const codec::FileOffer& offer,
                                   const std::function<bool()>& is_canceled);

  IncomingFile(IncomingFile&&) noexcept = default;
  IncomingFile& operator=(IncomingFile&&) = delete;
  IncomingFile(const IncomingFile&) = delete;
  IncomingFile& operator=(const IncomingFile&) = delete;
  /// The part stays, unless it is empty.
  ~IncomingFile();

  /// Bytes it has.
  std::uint64_t received() const { return received_; }
  bool is_whole() const { return received_ == offer_.size; }
  /// The next bytes. `protocol` when they are more than was offered, `limit` when the disk is full.
  Result<void> write(ByteView bytes);
  /// REQUIRES: is_whole(). Checks the hash, makes the file durable and gives it its name: NAME, or
  /// NAME.1 and so on where that is taken. Returns its path. `malformed` when the hash is wrong:
  /// the part is gone then.
  Result<std::string> finish();

 private:
  IncomingFile(std::string dir, codec::FileOffer offer, rt::Fd file);
  Result<void> hash_what_is_there(std::uint64_t size, const std::function<bool()>& is_canceled);
  Result<std::string> name_it() const;

  std::string dir_;
  codec::FileOffer offer_;
  std::string part_;  // path
  rt::Fd file_;
  crypto::Sha256 hash_;
  std::uint64_t received_ = 0;
  bool is_part_gone_ = false;  // or of another name: what is called so now is another's
};

}  // namespace kith::app
