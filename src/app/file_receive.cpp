#include "app/file_receive.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "base/format.h"
#include "rt/files.h"

namespace kith::app {
namespace {

constexpr std::string_view part_suffix = ".kith-part";
constexpr std::size_t part_digest_bytes = 8;
/// What a file's name may have on the usual file systems.
constexpr std::size_t disk_name_bytes_max = 255;
/// NAME.1 to this, then `exists`.
constexpr int free_name_tries_max = 9999;
constexpr std::size_t part_piece_bytes = 256 * 1024;
constexpr mode_t received_file_mode = 0666;  // less the umask, as of any file a user makes

/// At most `bytes_max` of it, and no character cut in two.
std::string_view cut_name(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  while (bytes_max > 0 && (static_cast<unsigned char>(text[bytes_max]) & 0xc0) == 0x80) --bytes_max;
  return text.substr(0, bytes_max);
}

/// How many bytes at the front are a character that a name is not to hold; 0: none. UTF-8 is known.
std::size_t unsafe_bytes(std::string_view text) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (at(0) < 0x20 || at(0) == 0x7f) return 1;
  if (at(0) == 0xc2 && at(1) < 0xa0) return 2;   // C1: U+0080 to U+009F
  if (at(0) == 0xd8 && at(1) == 0x9c) return 2;  // U+061C, the Arabic letter mark
  if (at(0) != 0xe2) return 0;
  if (at(1) == 0x80 && (at(2) == 0x8e || at(2) == 0x8f)) return 3;  // U+200E, U+200F
  if (at(1) == 0x80 && at(2) >= 0xa8 && at(2) <= 0xae) return 3;    // lines, U+202A to U+202E
  if (at(1) == 0x81 && at(2) >= 0xa6 && at(2) <= 0xa9) return 3;    // U+2066 to U+2069
  return 0;
}

Result<void> check_file_space(const std::string& dir, std::uint64_t wanted) {
  struct statvfs disk{};
  if (::statvfs(dir.c_str(), &disk) != 0) return {};  // writing will say
  const std::uint64_t free = std::uint64_t{disk.f_bavail} * disk.f_frsize;
  if (wanted <= free) return {};
  return fail(Code::limit,
              base::format("{} has {} bytes free, and {} are to come", dir, free, wanted));
}

/// Whether `path` names what is open: a part that was renamed between open and lock does not.
bool is_still_named(int file, const std::string& path) {
  struct stat open{};
  struct stat named{};
  return ::fstat(file, &open) == 0 && ::lstat(path.c_str(), &named) == 0 &&
         open.st_ino == named.st_ino && open.st_dev == named.st_dev;
}

/// The part, locked.
Result<rt::Fd> open_part(const std::string& path) {
  // Non-blocking, so that a FIFO in its place does not hold us up.
  rt::Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
                     received_file_mode));
  if (!file) return fail(rt::os_error(errno, "cannot open " + path));
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0 || !is_still_named(file.get(), path)) {
    return fail(Code::locked, base::format("{} is being written already", path));
  }
  return file;
}

/// 0, or the errno; never replaces a file.
int rename_to_free(const std::string& from, const std::string& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return errno;
  // A file system that does not know this: a second name, then one less.
  if (::link(from.c_str(), to.c_str()) != 0) return errno;
  ::unlink(from.c_str());
  return 0;
}

}  // namespace

std::string safe_file_name(std::string_view name) {
  std::string safe;
  while (!name.empty()) {
    const std::size_t unsafe = unsafe_bytes(name);
    safe += unsafe > 0 ? '_' : name[0];
    name.remove_prefix(std::max<std::size_t>(unsafe, 1));
  }
  if (safe[0] == '.' || safe[0] == '-') safe[0] = '_';
  return safe;
}

std::string part_file_name(const codec::FileOffer& offer) {
  const crypto::Hash256 digest = crypto::sha256(codec::encode_file_offer(offer));
  const std::string rest =
      "." + base::to_hex(ByteView(digest).first(part_digest_bytes)) + std::string(part_suffix);
  const std::string safe = safe_file_name(offer.name);
  return "." + std::string(cut_name(safe, disk_name_bytes_max - 1 - rest.size())) + rest;
}

IncomingFile::IncomingFile(std::string dir, codec::FileOffer offer, rt::Fd file)
    : dir_(std::move(dir)),
      offer_(std::move(offer)),
      part_(dir_ + "/" + part_file_name(offer_)),
      file_(std::move(file)) {}

IncomingFile::~IncomingFile() {
  struct stat info{};
  // Still locked: nobody else writes it.
  const bool is_empty = file_ && !is_part_gone_ && ::fstat(file_.get(), &info) == 0 &&
                        info.st_size == 0 && is_still_named(file_.get(), part_);
  if (is_empty) ::unlink(part_.c_str());
}

Result<IncomingFile> IncomingFile::open(const Rules& rules, const codec::FileOffer& offer,
                                        const std::function<bool()>& is_canceled) {
  if (offer.size > rules.size_max) {
    return fail(Code::too_large, base::format("a file of {} bytes is offered, limit {}", offer.size,
                                              rules.size_max));
  }
  const std::string path = rules.dir + "/" + part_file_name(offer);
  auto part = TRY(open_part(path));
  struct stat info{};
  if (::fstat(part.get(), &info) != 0) return fail(rt::os_error(errno, "cannot read " + path));
  if (!S_ISREG(info.st_mode)) return fail(Code::io, path + " is not a regular file");
  auto size = static_cast<std::uint64_t>(info.st_size);
  if (size > offer.size) {  // not ours
    if (::ftruncate(part.get(), 0) != 0) return fail(rt::os_error(errno, "cannot empty " + path));
    size = 0;
  }
  IncomingFile incoming(rules.dir, offer, std::move(part));
  TRY_VOID(check_file_space(rules.dir, offer.size - size));
  TRY_VOID(incoming.hash_what_is_there(size, is_canceled));
  return incoming;
}

Result<void> IncomingFile::hash_what_is_there(std::uint64_t size,
                                              const std::function<bool()>& is_canceled) {
  Bytes piece(part_piece_bytes);
  while (received_ < size) {
    if (is_canceled()) return fail(Code::canceled, "interrupted");
    const ssize_t count = ::read(file_.get(), piece.data(), piece.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return fail(rt::os_error(count < 0 ? errno : EIO, "cannot read " + part_));
    hash_.update(ByteView(piece).first(static_cast<std::size_t>(count)));
    received_ += static_cast<std::uint64_t>(count);
  }
  return {};
}

Result<void> IncomingFile::write(ByteView bytes) {
  if (bytes.size() > offer_.size - received_) {
    return fail(Code::protocol,
                base::format("more than the {} bytes that were offered", offer_.size));
  }
  hash_.update(bytes);
  while (!bytes.empty()) {
    const ssize_t count = ::write(file_.get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      Error error = rt::os_error(errno, "cannot write " + part_);
      if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG) error.code = Code::limit;
      return fail(std::move(error));
    }
    received_ += static_cast<std::uint64_t>(count);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

Result<std::string> IncomingFile::finish() {
  ASSERT(is_whole());
  const crypto::Hash256 got = hash_.digest();
  if (got != offer_.sha256) {
    ::unlink(part_.c_str());
    is_part_gone_ = true;
    return fail(Code::malformed, base::format("the content's SHA-256 is {}, and {} was offered",
                                              base::to_hex(got), base::to_hex(offer_.sha256)));
  }
  if (::fsync(file_.get()) != 0) return fail(rt::os_error(errno, "cannot sync " + part_));
  auto path = TRY(name_it());
  is_part_gone_ = true;
  TRY_VOID(rt::sync_folder(dir_));
  return path;
}

Result<std::string> IncomingFile::name_it() const {
  const std::string name = safe_file_name(offer_.name);
  for (int i = 0; i <= free_name_tries_max; ++i) {
    const std::string end = i == 0 ? "" : base::format(".{}", i);
    const std::string path =
        dir_ + "/" + std::string(cut_name(name, disk_name_bytes_max - end.size())) + end;
    const int error = rename_to_free(part_, path);
    if (error == 0) return path;
    if (error != EEXIST) return fail(rt::os_error(error, "cannot rename " + part_ + " to " + path));
  }
  return fail(Code::exists, base::format("{}/{} exists, and so do {} more of that name", dir_, name,
                                         free_name_tries_max));
}

}  // namespace kith::app
