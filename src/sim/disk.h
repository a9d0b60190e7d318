// A simulated disk with the manners of a POSIX file system on a bad day. What was written is
// visible at once and durable only after sync(file); what was created, renamed or removed only
// after sync_directory(). crash() decides by the Rng how much of the rest survives.
//
// Faults are drawn from DiskFaults: errors of reads, writes and syncs (io), a full disk (limit),
// slowness. After a failed sync the bytes in question count as clean and are not durable, whatever
// a later sync says (as on Linux): a store that goes on after one loses data.
//
// Not modelled: directories, permissions, holes that cost nothing, rot of durable bytes.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/rng.h"
#include "base/time.h"

namespace kith::sim {

struct DiskFaults {
  double read_error = 0;   // chances, of one call
  double write_error = 0;  // nothing of the call is written
  double sync_error = 0;
  std::uint64_t capacity_bytes = ~std::uint64_t{0};
  Duration access_takes{0};       // of each call, see take_delay
  Duration sync_takes{0};         // on top, of a sync
  std::uint64_t bytes_per_s = 0;  // 0: at once
  bool lose_unsynced = true;      // a crash; otherwise all that was written survives
  bool tear_last_write = true;    // the last surviving write may be cut anywhere
  bool reorder_unsynced = false;  // any subset survives in place of a beginning
};

class Disk {
 public:
  /// A file as large as this is a bug of whoever writes it.
  static constexpr std::uint64_t file_bytes_max = std::uint64_t{1} << 32;

  Disk(const DiskFaults& faults, Rng& rng) : faults_(faults), rng_(rng) {}

  // A missing file is created by a write. Errors: io, limit (full), not_found, too_large.
  Result<void> append(const std::string& path, ByteView bytes);
  Result<void> write(const std::string& path, std::uint64_t offset, ByteView bytes);
  Result<void> truncate(const std::string& path, std::uint64_t size);
  /// Fewer bytes than `count` at the end of the file.
  Result<Bytes> read(const std::string& path, std::uint64_t offset, std::size_t count);
  Result<std::uint64_t> size(const std::string& path) const;
  Result<void> rename(const std::string& from, const std::string& to);
  Result<void> remove(const std::string& path);
  Result<void> sync(const std::string& path);
  Result<void> sync_directory();

  bool exists(const std::string& path) const { return names_.contains(path); }
  std::vector<std::string> list() const;
  std::uint64_t used_bytes() const;

  /// Power fails: afterwards the disk holds what survived, all of it durable.
  void crash();
  void set_faults(const DiskFaults& faults) { faults_ = faults; }
  /// Virtual time that the calls since the last take_delay took; the caller lets it pass.
  Duration take_delay() { return std::exchange(delay_, Duration{0}); }

 private:
  struct Write {
    std::uint64_t offset = 0;
    Bytes bytes;
    bool is_truncate = false;  // to `offset`
    bool is_doomed = false;    // a failed sync gave it up
  };
  struct File {
    Bytes durable;
    Bytes visible;
    std::vector<Write> unsynced;
  };
  using FilePtr = std::shared_ptr<File>;
  using Names = std::map<std::string, FilePtr>;

  static void apply(const Write& write, std::size_t keep, Bytes& to);
  void crash_names();
  void crash_file(File& file);
  void change_name(const std::string& path, FilePtr file);
  Result<void> access(double error, std::uint64_t bytes, const char* what, const std::string& path);

  DiskFaults faults_;
  Rng& rng_;
  Names names_;
  Names durable_names_;
  std::vector<std::vector<std::pair<std::string, FilePtr>>> unsynced_names_;  // each at once
  Duration delay_{0};
};

}  // namespace kith::sim
