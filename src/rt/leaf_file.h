// The append-only file of leaf hashes beside the chain's state (rt/store_chain.h has its place in
// things). A header of 4096 bytes, then 32 bytes a leaf.
//
//   slot, at 0 and at 512, written in turn   magic "kithleaf", u64 turn, u8 has a floor,
//                                            u64 floor, u32 crc32c of those
//
// The floor is a height up to which everything was durable when it was written. What is behind the
// last synced leaf is torn, or was never counted; the state knows how many count.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "codec/chain.h"
#include "rt/os.h"

namespace kith::rt {

class LeafFile {
 public:
  /// Makes the file, or opens it and reads the header. `malformed`: neither slot is whole.
  static Result<LeafFile> open(std::string path);

  std::optional<std::uint64_t> floor() const { return floor_; }
  /// `malformed` when there are fewer than `count`; what is beyond goes. Before the first append.
  Result<void> keep(std::uint64_t count);
  std::uint64_t count() const { return count_; }

  /// Durable when it returns.
  Result<void> append(std::span<const codec::Hash> leaves, std::optional<std::uint64_t> floor);
  /// Any thread, within what was durable when count() said so.
  Result<std::vector<codec::Hash>> read(std::uint64_t first, std::size_t count) const;

 private:
  LeafFile(std::string path, Fd file) : path_(std::move(path)), file_(std::move(file)) {}
  Result<void> write_at(std::uint64_t offset, ByteView bytes);
  Result<void> write_slot(std::optional<std::uint64_t> floor);
  Result<void> read_slots();

  std::string path_;
  Fd file_;
  std::uint64_t turn_ = 0;
  std::uint64_t count_ = 0;
  std::optional<std::uint64_t> floor_;
};

}  // namespace kith::rt
