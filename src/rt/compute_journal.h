// The file in which a worker keeps the results of finished slices, so that a kill at any moment
// loses none. Bytes, big-endian:
//
//   header   "kithjob2", u16 workload, u16 results, u16 size and params, u64 first task, u64 tasks,
//            u32 crc32c
//   frame    u32 size of the body, u64 synced, u32 crc32c of the header's, the frame's offset and
//            those 12 bytes; the body; u32 crc32c of the body
//   body     u64 task, u32 unit, u32 slice, the result
//
// A frame is a finished slice, written at once: it outlives a kill of the process. What outlives a
// power cut is up to the last sync; every frame says how far that was, so behind one that is bad a
// whole one that knew it to be durable says that the file was damaged since. Else the rest of the
// file is a torn tail, and goes.
//
// `results` is the workload's results_version(): a journal of others is refused, since a root over
// both would be nobody's. So is "kithjob1", which did not say it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "compute/workload.h"
#include "rt/os.h"

namespace kith::rt {

struct JournalHeader {
  compute::WorkloadId workload = compute::WorkloadId::collatz;
  Bytes params;
  std::uint64_t first_task = 0;
  std::uint64_t tasks = 0;
  std::uint16_t results = 1;  // Workload::results_version()
  friend bool operator==(const JournalHeader&, const JournalHeader&) = default;
};
struct JournalEntry {
  compute::TaskIndex task;
  std::uint32_t unit = 0;
  std::uint32_t slice = 0;
  compute::SliceResult result;
  friend bool operator==(const JournalEntry&, const JournalEntry&) = default;
};
inline constexpr std::size_t journal_bytes_max = std::size_t{1} << 30;

Bytes encode(const JournalHeader& header);
/// `synced`: how many bytes of the file are durable already.
Bytes encode_frame(ByteView encoded_header, std::uint64_t offset, std::uint64_t synced,
                   const JournalEntry& entry);

struct JournalFile {
  JournalHeader header;
  std::vector<JournalEntry> entries;
  std::uint64_t end = 0;  // behind the last whole frame
  bool is_torn = false;   // something behind it
};
/// A whole file; `malformed` names the offset, `unsupported` an older format.
Result<JournalFile> read_journal(ByteView bytes);

/// The file, open for appending; one process at a time.
class Journal {
 public:
  /// Makes the file, or reads it back and cuts off a torn tail. Errors: `usage` (of other work),
  /// `unsupported` (of other results, or of a format that does not say which), `malformed`,
  /// `locked`, the disk's.
  static Result<std::unique_ptr<Journal>> open(const std::string& path,
                                               const JournalHeader& header);

  /// What was there, once.
  std::vector<JournalEntry> take_entries() { return std::move(entries_); }
  /// Written when it returns, durable after the next sync().
  Result<void> append(const JournalEntry& entry);
  Result<void> sync();

 private:
  Journal(std::string path, Bytes header, Fd file)
      : path_(std::move(path)), header_(std::move(header)), file_(std::move(file)) {}

  const std::string path_;
  const Bytes header_;
  const Fd file_;
  std::vector<JournalEntry> entries_;
  std::uint64_t end_ = 0;
  std::uint64_t synced_ = 0;
};

}  // namespace kith::rt
