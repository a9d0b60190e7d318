#include "rt/wal.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>

#include "base/format.h"
#include "rt/files.h"

namespace kith::rt {
namespace {

constexpr std::string_view suffix = ".wal";
constexpr std::string_view unfinished_suffix = ".wal.tmp";
constexpr std::size_t number_digits = 16;
/// No file of ours is larger: the last frame may begin just below the limit of a file.
constexpr std::size_t read_bytes_max = 1024 * 1024 * 1024;

std::string name_of_file(std::uint64_t sequence, std::uint64_t segment) {
  return base::format("{:016x}-{:016x}{}", sequence, segment, suffix);
}

std::optional<std::uint64_t> hex_number(std::string_view text) {
  std::uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, failed] = std::from_chars(text.data(), end, number, 16);
  if (failed != std::errc{} || stop != end) return std::nullopt;
  return number;
}

}  // namespace

Wal::Wal(std::string folder, WalConfig config, Rng& rng, Fd lock, Fd folder_fd)
    : folder_(std::move(folder)),
      config_(config),
      rng_(rng),
      lock_(std::move(lock)),
      folder_fd_(std::move(folder_fd)) {}

Wal::~Wal() { finish_file(); }

Result<std::unique_ptr<Wal>> Wal::open(std::string folder, Rng& rng, WalConfig config) {
  TRY_VOID(make_dirs(folder, private_dir_mode));
  Fd folder_fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder_fd) return fail(os_error(errno, "cannot open " + folder));
  const std::string lock_path = folder + "/lock";
  Fd lock(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, private_file_mode));
  if (!lock) return fail(os_error(errno, "cannot open " + lock_path));
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return fail(os_error(errno, "cannot lock " + lock_path));
    return fail(Code::locked,
                base::format("the log of votes in {} is in use by another process", folder));
  }
  std::unique_ptr<Wal> wal(
      new Wal(std::move(folder), config, rng, std::move(lock), std::move(folder_fd)));
  TRY_VOID(wal->read_back());
  return wal;
}

// --- reading back --------------------------------------------------------------------------------

// Files of a name that is not ours are left alone; unfinished ones of ours are removed.
Result<std::vector<Wal::Name>> Wal::list() {
  std::vector<Name> names;
  DIR* folder = ::opendir(folder_.c_str());
  if (folder == nullptr) return fail(os_error(errno, "cannot list " + folder_));
  while (const dirent* entry = ::readdir(folder)) {
    const std::string text = entry->d_name;
    if (text.ends_with(unfinished_suffix)) ::unlink(path_of(text).c_str());
    if (text.size() != 2 * number_digits + 1 + suffix.size() || !text.ends_with(suffix)) continue;
    const auto sequence = hex_number(std::string_view(text).substr(0, number_digits));
    const auto segment =
        hex_number(std::string_view(text).substr(number_digits + 1, number_digits));
    if (sequence && segment) names.push_back({*sequence, *segment, text});
  }
  ::closedir(folder);
  std::ranges::sort(names, {}, &Name::sequence);
  return names;
}

Result<void> Wal::read_back() {
  const auto names = TRY(list());
  was_empty_ = names.empty();
  if (!names.empty()) sequence_ = names.back().sequence;
  if (auto read = read_files(names); !read) damage_ = std::move(read).error();
  return {};
}

// From the newest file to the one that begins anew, then those before it are no use any more.
Result<void> Wal::read_files(const std::vector<Name>& names) {
  for (std::size_t i = names.size(); i-- > 0;) {
    const Name& name = names[i];
    const std::string path = path_of(name.text);
    const auto damaged = [&](const std::string& why) {
      return fail(Code::malformed, base::format("the log of votes is damaged: {}: {}", path, why));
    };
    const auto bytes = read_file(path, read_bytes_max);
    if (!bytes) return damaged(bytes.error().message);
    const bool is_last = i + 1 == names.size();
    auto file = read_wal_file(*bytes, is_last);
    if (!file) return damaged(file.error().message);
    const WalHeader& header = file->header;
    if (header.sequence != name.sequence || header.segment != name.segment) {
      return damaged("offset 0: the header is that of another file");
    }
    if (is_last && file->end < bytes->size()) {
      const Fd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
      if (!fd || ::ftruncate(fd.get(), static_cast<off_t>(file->end)) != 0 ||
          ::fsync(fd.get()) != 0) {
        return damaged(base::format("offset {}: cannot cut off what is torn: {}", file->end,
                                    errno_text(errno)));
      }
    }
    auto& segment = records_[header.segment];
    segment.insert(segment.begin(), std::make_move_iterator(file->records.begin()),
                   std::make_move_iterator(file->records.end()));
    if (header.begins_anew) {
      // What stays for now goes when the log begins anew the next time.
      (void)remove_older_than(header.sequence);
      return {};
    }
    if (i == 0 || names[i - 1].sequence + 1 != name.sequence) {
      return damaged("the file before it is missing");
    }
  }
  return {};
}

// --- writing -------------------------------------------------------------------------------------

Result<void> Wal::append(std::uint64_t segment, std::span<const Bytes> records, bool begins_anew) {
  if (failed_) return fail(*failed_);
  if (records.empty() && !begins_anew) return {};
  auto written = write(segment, records, begins_anew);
  if (!written && written.error().code != Code::too_large) failed_ = written.error();
  return written;
}

Result<void> Wal::write(std::uint64_t segment, std::span<const Bytes> records, bool begins_anew) {
  if (begins_anew || !file_ || segment != header_.segment || end_ >= config_.file_bytes_max) {
    // Where there is nothing before it, a file begins anew too: then none can be missing.
    return begin_file(segment, records, begins_anew || sequence_ == 0);
  }
  const Bytes frame = TRY(encode_wal_frame(header_, end_, records));
  reserve(end_ + frame.size());
  TRY_VOID(write_at(path_, end_, frame));
  if (::fdatasync(file_.get()) != 0) return fail(os_error(errno, "cannot sync " + path_));
  end_ += frame.size();
  return {};
}

Result<void> Wal::begin_file(std::uint64_t segment, std::span<const Bytes> records,
                             bool begins_anew) {
  WalHeader header{begins_anew, segment, sequence_ + 1, rng_.next()};
  const Bytes front = encode(header);
  const Bytes frame = TRY(encode_wal_frame(header, front.size(), records));
  finish_file();
  const std::string path = path_of(name_of_file(header.sequence, segment));
  const std::string unfinished = path + ".tmp";
  file_ = Fd(::open(unfinished.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
                    private_file_mode));
  if (!file_) return fail(os_error(errno, "cannot create " + unfinished));
  reserved_ = 0;
  end_ = front.size() + frame.size();
  reserve(end_);
  TRY_VOID(write_at(unfinished, 0, front));
  TRY_VOID(write_at(unfinished, front.size(), frame));
  if (::fsync(file_.get()) != 0) return fail(os_error(errno, "cannot sync " + unfinished));
  if (::rename(unfinished.c_str(), path.c_str()) != 0) {
    return fail(os_error(errno, "cannot rename " + unfinished));
  }
  TRY_VOID(sync_folder());
  header_ = header;
  path_ = path;
  sequence_ = header.sequence;
  if (!begins_anew) return {};
  damage_.reset();
  return remove_older_than(sequence_);
}

Result<void> Wal::write_at(const std::string& path, std::uint64_t offset, ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t count =
        ::pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return fail(os_error(count < 0 ? errno : EIO, "cannot write " + path));
    bytes = bytes.subspan(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
  return {};
}

// A help, no more: where it fails, on file systems that cannot or disks nearly full, the write
// itself decides.
void Wal::reserve(std::uint64_t size) {
  if (size <= reserved_) return;
  const std::uint64_t wanted = (size / config_.step_bytes + 1) * config_.step_bytes;
  const bool is_done = ::fallocate(file_.get(), 0, static_cast<off_t>(reserved_),
                                   static_cast<off_t>(wanted - reserved_)) == 0;
  if (is_done) reserved_ = wanted;
}

// Gives back what was reserved; should that fail, the zeros do no harm.
void Wal::finish_file() {
  if (file_ && ::ftruncate(file_.get(), static_cast<off_t>(end_)) != 0 && !failed_) {
    std::fprintf(stderr, "cannot shorten %s: %s\n", path_.c_str(), errno_text(errno).c_str());
  }
  file_.reset();
}

Result<void> Wal::remove_older_than(std::uint64_t sequence) {
  const auto names = TRY(list());
  bool is_any = false;
  for (const Name& name : names) {
    if (name.sequence >= sequence) continue;
    is_any = true;
    if (::unlink(path_of(name.text).c_str()) != 0) {
      return fail(os_error(errno, "cannot remove " + path_of(name.text)));
    }
  }
  return is_any ? sync_folder() : Result<void>{};
}

Result<void> Wal::sync_folder() {
  if (::fsync(folder_fd_.get()) != 0) return fail(os_error(errno, "cannot sync " + folder_));
  return {};
}

}  // namespace kith::rt
