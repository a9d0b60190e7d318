#include "rt/leaf_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/crc32c.h"
#include "base/format.h"
#include "codec/reader.h"
#include "codec/writer.h"
#include "rt/files.h"

namespace kith::rt {
namespace {

constexpr std::string_view magic = "kithleaf";
constexpr std::uint64_t header_bytes = 4096;
constexpr std::uint64_t slot_distance = 512;  // a torn sector harms one
constexpr std::size_t slot_bytes = 8 + 8 + 1 + 8 + 4;
constexpr std::uint64_t leaf_bytes = sizeof(codec::Hash);
static_assert(leaf_bytes == 32);

struct Slot {
  std::uint64_t turn = 0;
  std::optional<std::uint64_t> floor;
};

std::optional<Slot> decode_slot(ByteView bytes) {
  codec::Reader in(bytes);
  const ByteView covered = bytes.first(slot_bytes - 4);
  if (!base::equal(*in.bytes(magic.size()), base::as_bytes(magic))) return std::nullopt;
  Slot slot;
  slot.turn = *in.u64();
  const bool has_floor = *in.u8() != 0;
  const std::uint64_t floor = *in.u64();
  if (has_floor) slot.floor = floor;
  if (*in.u32() != crc32c(covered)) return std::nullopt;
  return slot;
}

Result<void> read_at(int fd, std::uint64_t offset, ByteSpan bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t count = ::pread(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(os_error(errno, "cannot read " + path));
    if (count == 0) {
      return fail(Code::malformed, base::format("{} ends at {}, too early", path, offset));
    }
    bytes = bytes.subspan(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
  return {};
}

}  // namespace

// Under another name until the header is durable.
Result<LeafFile> LeafFile::open(std::string path) {
  if (!file_exists(path)) {
    Bytes header(header_bytes, 0);
    TRY_VOID(write_file_atomic(path, header, private_file_mode));
    LeafFile made(path, Fd(::open(path.c_str(), O_RDWR | O_CLOEXEC)));
    if (!made.file_) return fail(os_error(errno, "cannot open " + path));
    TRY_VOID(made.append({}, std::nullopt));
    return made;
  }
  LeafFile file(path, Fd(::open(path.c_str(), O_RDWR | O_CLOEXEC)));
  if (!file.file_) return fail(os_error(errno, "cannot open " + path));
  TRY_VOID(file.read_slots());
  return file;
}

Result<void> LeafFile::read_slots() {
  Bytes header(header_bytes);
  TRY_VOID(read_at(file_.get(), 0, header, path_));
  bool is_any = false;
  for (const std::uint64_t at : {std::uint64_t{0}, slot_distance}) {
    const auto slot = decode_slot(ByteView(header).subspan(at, slot_bytes));
    if (!slot || slot->turn < turn_) continue;
    turn_ = slot->turn;
    floor_ = slot->floor;
    is_any = true;
  }
  // Made, and the power went before anything was written.
  if (std::ranges::all_of(header, [](std::uint8_t byte) { return byte == 0; })) is_any = true;
  if (!is_any) return fail(Code::malformed, path_ + " is damaged: its header is not whole");
  struct stat info{};
  if (::fstat(file_.get(), &info) != 0) return fail(os_error(errno, "cannot read " + path_));
  count_ = (static_cast<std::uint64_t>(info.st_size) - header_bytes) / leaf_bytes;
  return {};
}

Result<void> LeafFile::keep(std::uint64_t count) {
  if (count > count_) {
    return fail(Code::malformed,
                base::format("{} is damaged: it has {} leaves where the state has {}", path_,
                             count_, count));
  }
  if (::ftruncate(file_.get(), static_cast<off_t>(header_bytes + count * leaf_bytes)) != 0 ||
      ::fsync(file_.get()) != 0) {
    return fail(os_error(errno, "cannot shorten " + path_));
  }
  count_ = count;
  return {};
}

Result<void> LeafFile::append(std::span<const codec::Hash> leaves,
                              std::optional<std::uint64_t> floor) {
  const ByteView bytes(reinterpret_cast<const std::uint8_t*>(leaves.data()), leaves.size_bytes());
  TRY_VOID(write_at(header_bytes + count_ * leaf_bytes, bytes));
  TRY_VOID(write_slot(floor));
  if (::fdatasync(file_.get()) != 0) return fail(os_error(errno, "cannot sync " + path_));
  count_ += leaves.size();
  floor_ = floor;
  return {};
}

Result<void> LeafFile::write_slot(std::optional<std::uint64_t> floor) {
  Bytes slot = base::to_bytes(magic);
  codec::Writer out(slot);
  out.u64(++turn_);
  out.u8(floor ? 1 : 0);
  out.u64(floor.value_or(0));
  out.u32(crc32c(slot));
  ASSERT(slot.size() == slot_bytes);
  return write_at(turn_ % 2 * slot_distance, slot);
}

Result<void> LeafFile::write_at(std::uint64_t offset, ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t count =
        ::pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return fail(os_error(count < 0 ? errno : EIO, "cannot write " + path_));
    bytes = bytes.subspan(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
  return {};
}

Result<std::vector<codec::Hash>> LeafFile::read(std::uint64_t first, std::size_t count) const {
  std::vector<codec::Hash> leaves(count);
  const ByteSpan bytes(reinterpret_cast<std::uint8_t*>(leaves.data()), count * leaf_bytes);
  TRY_VOID(read_at(file_.get(), header_bytes + first * leaf_bytes, bytes, path_));
  return leaves;
}

}  // namespace kith::rt
