// One file of the log of votes as bytes: made and read without touching a disk (rt/wal.h does).
//
//   header   magic "kithwal1", u32 flags (1: begins anew), u64 segment, u64 sequence, u64 salt,
//            u32 crc32c of those                                                      40 bytes
//   frame    u32 length of the body, u32 crc32c(body), u64 segment,
//            u32 crc32c(salt, offset in the file, those 16 bytes)                     20 bytes
//            body: records, each u32 size and bytes
//   zeros    up to where the file was preallocated
//
// All big-endian. One frame is one append, written only when the one before is durable: so what a
// power cut may tear is the last frame, as a whole, and a whole frame behind a bad one says that
// the bad one was durable once, and has been damaged since. The salt, random and secret, is in
// every checksum: neither a peer, whose blocks are logged, nor an older file makes a frame here.
// Assumed of the disk: a sector that is rewritten with the same beginning keeps that beginning.
//
// Limits: a record of 48 MiB (the largest block message has 40), a frame of 64.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace kith::rt {

inline constexpr std::size_t wal_record_bytes_max = 48 * 1024 * 1024;
inline constexpr std::size_t wal_frame_bytes_max = 64 * 1024 * 1024;
inline constexpr std::size_t wal_header_bytes = 40;
inline constexpr std::size_t wal_frame_header_bytes = 20;
/// What a record costs beside its bytes.
inline constexpr std::size_t wal_record_overhead = 4;

struct WalHeader {
  bool begins_anew = false;
  std::uint64_t segment = 0;
  std::uint64_t sequence = 0;  // of the file in its folder
  std::uint64_t salt = 0;
  friend bool operator==(const WalHeader&, const WalHeader&) = default;
};
Bytes encode(const WalHeader& header);
/// Reads the front of `bytes`. `malformed`.
Result<WalHeader> decode_wal_header(ByteView bytes);

/// One frame for the file of `header` at `offset`. `too_large`.
Result<Bytes> encode_wal_frame(const WalHeader& header, std::uint64_t offset,
                               std::span<const Bytes> records);

struct WalFile {
  WalHeader header;
  std::vector<Bytes> records;
  std::uint64_t end = 0;  // behind the last whole frame
  bool is_torn = false;   // something behind it that is not zeros
};
/// A whole file. `is_last`: its last frame may be torn, except the first of all, which is durable
/// before the file has its name. Errors, `malformed`, name the offset.
Result<WalFile> read_wal_file(ByteView bytes, bool is_last);

}  // namespace kith::rt
