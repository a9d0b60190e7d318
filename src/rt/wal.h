// The log of votes on disk: a folder of append-only files, each of one segment (an epoch) and
// numbered in the order in which they were made; the bytes of one are rt/wal_file.h's. What
// append() returned from survives a power cut. An append is one write and one fdatasync, whatever
// the number of records.
//
//   <folder>/<sequence, 16 hex>-<segment, 16 hex>.wal, "lock" and, while a file is made, "*.tmp"
//
// A file is made under another name, with its first frame, made durable and renamed: one that has
// its name is whole but for its last frame. Opening reads all back, from the last file that begins
// anew; older ones go. A torn last frame of the last file is cut off. Everything else that is wrong
// is damage(): records may be lost that were promised, so whoever votes must not go on from them,
// but may begin anew. What was there before opening is never written to again.
//
// After an error of append() nothing is known of the disk, and every further append gives that
// error (what a failed fsync left dirty counts as clean). One thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/rng.h"
#include "rt/os.h"
#include "rt/wal_file.h"

namespace kith::rt {

struct WalConfig {
  /// A file grows in such steps, so that an append need not change its size.
  std::uint64_t step_bytes = 4 * 1024 * 1024;
  /// A file as large as this is followed by another.
  std::uint64_t file_bytes_max = 128 * 1024 * 1024;
};

class Wal {
 public:
  using Segments = std::map<std::uint64_t, std::vector<Bytes>>;

  /// Makes the folder if need be. Errors: `locked` (another process has it), the disk's. `rng`
  /// outlives the log, and is drawn from by whichever thread appends.
  static Result<std::unique_ptr<Wal>> open(std::string folder, Rng& rng, WalConfig config = {});
  ~Wal();
  Wal(const Wal&) = delete;
  Wal& operator=(const Wal&) = delete;

  /// What was read back, once: segment -> its records in the order they were appended. With damage
  /// as much of it as could be read, for looking at.
  Segments take_records() { return std::move(records_); }
  /// Names file and offset. Stays until an append that begins anew.
  const std::optional<Error>& damage() const { return damage_; }
  /// There was no log at all: either a new node, or somebody removed it.
  bool was_empty() const { return was_empty_; }

  /// Returns when `records` are durable, in this order behind all earlier ones. `begins_anew`: and
  /// all earlier ones are gone.
  Result<void> append(std::uint64_t segment, std::span<const Bytes> records,
                      bool begins_anew = false);

 private:
  struct Name {
    std::uint64_t sequence = 0;
    std::uint64_t segment = 0;
    std::string text;
  };

  Wal(std::string folder, WalConfig config, Rng& rng, Fd lock, Fd folder_fd);
  Result<std::vector<Name>> list();
  Result<void> read_back();
  Result<void> read_files(const std::vector<Name>& names);
  Result<void> write(std::uint64_t segment, std::span<const Bytes> records, bool begins_anew);
  Result<void> begin_file(std::uint64_t segment, std::span<const Bytes> records, bool begins_anew);
  Result<void> write_at(const std::string& path, std::uint64_t offset, ByteView bytes);
  void reserve(std::uint64_t size);
  void finish_file();
  Result<void> remove_older_than(std::uint64_t sequence);
  Result<void> sync_folder();
  std::string path_of(const std::string& name) const { return folder_ + "/" + name; }

  const std::string folder_;
  const WalConfig config_;
  Rng& rng_;
  const Fd lock_;
  const Fd folder_fd_;
  Segments records_;
  std::optional<Error> damage_;
  std::optional<Error> failed_;
  bool was_empty_ = false;
  std::uint64_t sequence_ = 0;  // of the newest file

  // The file that is written to, of this life; none before the first append.
  Fd file_;
  WalHeader header_;
  std::string path_;
  std::uint64_t end_ = 0;
  std::uint64_t reserved_ = 0;
};

}  // namespace kith::rt
