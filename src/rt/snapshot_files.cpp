#include "rt/snapshot_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>

#include "base/format.h"
#include "codec/reader.h"
#include "codec/writer.h"
#include "rt/files.h"

namespace kith::rt {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t heap_bytes_max = std::size_t{1} << 30;
constexpr std::size_t part_bytes_max = std::size_t{64} << 20;

Result<void> append_to(int fd, ByteView bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return fail(os_error(count < 0 ? errno : EIO, "cannot write " + path));
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

Result<Bytes> read_at(const std::string& path, std::uint64_t offset, std::size_t size) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return fail(os_error(errno, "cannot open " + path));
  Bytes bytes(size);
  for (std::size_t done = 0; done < size;) {
    const ssize_t count =
        ::pread(fd.get(), bytes.data() + done, size - done, static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(os_error(errno, "cannot read " + path));
    if (count == 0) return fail(Code::not_found, base::format("{} ends too early", path));
    done += static_cast<std::size_t>(count);
  }
  return bytes;
}

}  // namespace

std::string SnapshotFiles::of(ledger::Height height) const {
  return base::format("{}/{}", folder_, height.value);
}

Result<void> SnapshotFiles::begin(ledger::Height height) {
  std::error_code error;
  fs::remove_all(making(), error);
  TRY_VOID(make_dirs(making(), private_dir_mode));
  const std::string path = making() + "/parts";
  parts_ = Fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, private_file_mode));
  if (!parts_) return fail(os_error(errno, "cannot create " + path));
  height_ = height;
  end_ = 0;
  index_.clear();
  codec::Writer(index_).u64(0);
  count();
  return {};
}

Result<void> SnapshotFiles::spill(std::uint32_t heap, ByteView bytes) {
  const std::string path = base::format("{}/heap-{}", making(), heap);
  const Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, private_file_mode));
  if (!fd) return fail(os_error(errno, "cannot create " + path));
  return append_to(fd.get(), bytes, path);
}

Result<Bytes> SnapshotFiles::take_spill(std::uint32_t heap) {
  const std::string path = base::format("{}/heap-{}", making(), heap);
  if (!file_exists(path)) return Bytes();
  Bytes bytes = TRY(read_file(path, heap_bytes_max));
  std::error_code ignored;
  fs::remove(path, ignored);
  return bytes;
}

Result<void> SnapshotFiles::put(ByteView part) {
  TRY_VOID(append_to(parts_.get(), part, making() + "/parts"));
  end_ += part.size();
  codec::Writer(index_).u64(end_);
  return {};
}

Result<void> SnapshotFiles::finish(ByteView manifest) {
  if (::fsync(parts_.get()) != 0) return fail(os_error(errno, "cannot sync " + making()));
  parts_.reset();
  TRY_VOID(write_file_atomic(making() + "/index", index_, private_file_mode));
  TRY_VOID(write_file_atomic(making() + "/manifest", manifest, private_file_mode));
  std::error_code error;
  fs::remove_all(of(height_), error);
  fs::rename(making(), of(height_), error);
  if (error) return fail(Code::io, "cannot rename " + making() + ": " + error.message());
  TRY_VOID(sync_folder(folder_));
  count();
  return {};
}

std::vector<ledger::Height> SnapshotFiles::list() const {
  std::vector<ledger::Height> heights;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder_, error)) {
    const std::string name = entry.path().filename().string();
    std::uint64_t height = 0;
    const auto [end, code] = std::from_chars(name.data(), name.data() + name.size(), height);
    if (code == std::errc() && end == name.data() + name.size()) heights.push_back({height});
  }
  std::ranges::sort(heights);
  return heights;
}

Result<Bytes> SnapshotFiles::manifest(ledger::Height height) const {
  return read_file(of(height) + "/manifest", part_bytes_max);
}

Result<Bytes> SnapshotFiles::part(ledger::Height height, std::uint64_t index) const {
  if (index >= UINT64_MAX / 16) return fail(Code::not_found, "no such part");
  const Bytes places = TRY(read_at(of(height) + "/index", index * 8, 16));
  codec::Reader reader(places);
  const std::uint64_t begin = TRY(reader.u64());
  const std::uint64_t end = TRY(reader.u64());
  if (end < begin || end - begin > part_bytes_max) {
    return fail(Code::malformed, base::format("{} is damaged: its index", of(height)));
  }
  return read_at(of(height) + "/parts", begin, static_cast<std::size_t>(end - begin));
}

void SnapshotFiles::drop(ledger::Height height) {
  // Not listed any more at once, however long its bytes take to go.
  std::error_code ignored;
  const std::string gone = folder_ + "/gone";
  fs::remove_all(gone, ignored);
  fs::rename(of(height), gone, ignored);
  fs::remove_all(gone, ignored);
  count();
}

void SnapshotFiles::count() {
  std::uint64_t sum = 0;
  for (const ledger::Height height : list()) {
    std::error_code error;
    const auto size = fs::file_size(of(height) + "/parts", error);
    if (!error) sum += size;
  }
  bytes_ = sum;
}

}  // namespace kith::rt
