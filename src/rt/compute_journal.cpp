#include "rt/compute_journal.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

#include "base/crc32c.h"
#include "base/format.h"
#include "codec/reader.h"
#include "codec/writer.h"
#include "rt/files.h"

namespace kith::rt {
namespace {

constexpr std::string_view magic = "kithjob2";
constexpr std::string_view magic_without_results = "kithjob1";
constexpr std::string_view what_to_do =
    "begin anew with another file, or end it with the version that began it";
constexpr std::size_t place_bytes = 16;
constexpr std::size_t front_bytes = 16;  // of a frame, before its body
constexpr std::size_t crc_bytes = 4;
constexpr std::size_t body_bytes_max = place_bytes + compute::result_bytes_max;

/// Of a header that is encoded: the last four bytes of it, in every frame's checksum, so that a
/// frame of another file is none here.
std::uint32_t front_crc(ByteView encoded_header, std::uint64_t offset, ByteView front) {
  Bytes place;
  codec::Writer(place).u64(offset);
  return crc32c(front, crc32c(place, crc32c(encoded_header.last(crc_bytes))));
}

struct Frame {
  JournalEntry entry;
  std::uint64_t synced = 0;
  std::size_t size = 0;
};

Result<Frame> read_frame(ByteView header, ByteView bytes, std::uint64_t offset) {
  codec::Reader reader(bytes.subspan(offset));
  const ByteView front = TRY(reader.bytes(front_bytes - crc_bytes));
  if (TRY(reader.u32()) != front_crc(header, offset, front)) {
    return fail(Code::malformed, "a frame's checksum does not fit");
  }
  codec::Reader of_front(front);
  const std::uint32_t size = TRY(of_front.u32());
  Frame frame;
  frame.synced = TRY(of_front.u64());
  if (size < place_bytes || size > body_bytes_max || frame.synced > offset) {
    return fail(Code::malformed, "a frame whose numbers cannot be");
  }
  const ByteView body = TRY(reader.bytes(size));
  if (TRY(reader.u32()) != crc32c(body)) {
    return fail(Code::malformed, "the checksum of a frame's body does not fit");
  }
  codec::Reader of_body(body);
  frame.entry.task.value = TRY(of_body.u64());
  frame.entry.unit = TRY(of_body.u32());
  frame.entry.slice = TRY(of_body.u32());
  frame.entry.result = base::to_bytes(of_body.rest());
  frame.size = front_bytes + size + crc_bytes;
  return frame;
}

/// Whether some whole frame behind `offset` knew what is there to be durable.
bool was_durable(ByteView header, ByteView bytes, std::uint64_t offset) {
  for (std::uint64_t at = offset + 1; at + front_bytes <= bytes.size(); ++at) {
    const auto frame = read_frame(header, bytes, at);
    if (frame && frame->synced > offset) return true;
  }
  return false;
}

struct Header {
  JournalHeader header;
  std::size_t size = 0;
};
Result<Header> read_header(ByteView bytes) {
  codec::Reader reader(bytes);
  const ByteView begin = TRY(reader.bytes(magic.size()));
  if (base::equal(begin, base::as_bytes(magic_without_results))) {
    return fail(Code::unsupported,
                base::format("a journal of an older version, which does not say "
                             "whether its results are the same as this one's; {}",
                             what_to_do));
  }
  if (!base::equal(begin, base::as_bytes(magic))) {
    return fail(Code::malformed, "this is no journal of kith compute");
  }
  Header read;
  read.header.workload = static_cast<compute::WorkloadId>(TRY(reader.u16()));
  read.header.results = TRY(reader.u16());
  const std::uint16_t size = TRY(reader.u16());
  if (size > compute::params_bytes_max) {
    return fail(Code::too_large,
                base::format("{} bytes of parameters, limit {}", size, compute::params_bytes_max));
  }
  read.header.params = base::to_bytes(TRY(reader.bytes(size)));
  read.header.first_task = TRY(reader.u64());
  read.header.tasks = TRY(reader.u64());
  const std::size_t end = reader.offset();
  if (TRY(reader.u32()) != crc32c(bytes.first(end))) {
    return fail(Code::malformed, "the journal's first bytes are damaged");
  }
  read.size = reader.offset();
  return read;
}

}  // namespace

Bytes encode(const JournalHeader& header) {
  ASSERT(header.params.size() <= compute::params_bytes_max);
  Bytes out;
  codec::Writer writer(out);
  writer.bytes(base::as_bytes(magic));
  writer.u16(static_cast<std::uint16_t>(header.workload));
  writer.u16(header.results);
  writer.u16(static_cast<std::uint16_t>(header.params.size()));
  writer.bytes(header.params);
  writer.u64(header.first_task);
  writer.u64(header.tasks);
  writer.u32(crc32c(out));
  return out;
}

Bytes encode_frame(ByteView encoded_header, std::uint64_t offset, std::uint64_t synced,
                   const JournalEntry& entry) {
  ASSERT(entry.result.size() <= compute::result_bytes_max && synced <= offset);
  Bytes out;
  codec::Writer writer(out);
  writer.u32(static_cast<std::uint32_t>(place_bytes + entry.result.size()));
  writer.u64(synced);
  writer.u32(front_crc(encoded_header, offset, out));
  writer.u64(entry.task.value);
  writer.u32(entry.unit);
  writer.u32(entry.slice);
  writer.bytes(entry.result);
  writer.u32(crc32c(ByteView(out).subspan(front_bytes)));
  return out;
}

Result<JournalFile> read_journal(ByteView bytes) {
  Header read = TRY(read_header(bytes));
  const ByteView header = bytes.first(read.size);
  JournalFile file{std::move(read.header), {}, read.size, false};
  while (file.end < bytes.size()) {
    auto frame = read_frame(header, bytes, file.end);
    if (!frame) {
      if (was_durable(header, bytes, file.end)) {
        return fail(Code::malformed, base::format("the journal is damaged at byte {}: {}", file.end,
                                                  frame.error().message));
      }
      file.is_torn = true;
      break;
    }
    file.end += frame->size;
    file.entries.push_back(std::move(frame->entry));
  }
  return file;
}

Result<std::unique_ptr<Journal>> Journal::open(const std::string& path,
                                               const JournalHeader& header) {
  const Bytes encoded = encode(header);
  if (!file_exists(path)) TRY_VOID(write_file_atomic(path, encoded, public_file_mode));
  Fd file(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK));
  if (!file) return fail(os_error(errno, "cannot open " + path));
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    return fail(Code::locked, path + " is in use by another process");
  }
  const Bytes bytes = TRY(read_file(path, journal_bytes_max));
  auto read = read_journal(bytes);
  if (!read) return fail(read.error().code, path + ": " + read.error().message);
  JournalHeader of_these_results = read->header;
  of_these_results.results = header.results;
  if (of_these_results == header && read->header.results != header.results) {
    return fail(
        Code::unsupported,
        base::format("{} is a journal of results {}, this version's are {}: no root is over "
                     "both; {}",
                     path, read->header.results, header.results, what_to_do));
  }
  if (read->header != header) {
    return fail(Code::usage, path + " is the journal of other work");
  }
  if (read->is_torn && ::ftruncate(file.get(), static_cast<off_t>(read->end)) != 0) {
    return fail(os_error(errno, "cannot cut the torn end of " + path));
  }
  auto journal = std::unique_ptr<Journal>(new Journal(path, encoded, std::move(file)));
  journal->entries_ = std::move(read->entries);
  journal->end_ = read->end;
  return journal;
}

Result<void> Journal::append(const JournalEntry& entry) {
  const Bytes frame = encode_frame(header_, end_, synced_, entry);
  ByteView rest = frame;
  std::uint64_t at = end_;
  while (!rest.empty()) {
    const ssize_t count = ::pwrite(file_.get(), rest.data(), rest.size(), static_cast<off_t>(at));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(os_error(errno, "cannot write " + path_));
    rest = rest.subspan(static_cast<std::size_t>(count));
    at += static_cast<std::uint64_t>(count);
  }
  end_ = at;
  return {};
}

Result<void> Journal::sync() {
  if (synced_ == end_) return {};
  const std::uint64_t end = end_;
  if (::fdatasync(file_.get()) != 0) return fail(os_error(errno, "cannot sync " + path_));
  synced_ = end;
  return {};
}

}  // namespace kith::rt
