// What two peers say to each other when a file goes from one to the other: the offer, the answer to
// it, and the verdict behind the content. Grammar and the order of things: docs/protocol/file.md.
//
// Big-endian, one encoding a value. Offer: varint length, then 01, size u64, SHA-256, name (varint
// length, UTF-8). Answer: 00 and the offset to go on from as u64, or a refusal's code. Verdict: 00
// and the SHA-256, or a refusal's code. Limits: file_offer_bytes_max, file_name_bytes_max, checked
// before anything is decoded.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/hash.h"

namespace kith::codec {

inline constexpr std::string_view file_protocol = "/kith/file/1.0.0";
/// Behind the length. Version 1 takes at most 298; the rest is for later ones, which are then
/// refused in words and not cut.
inline constexpr std::size_t file_offer_bytes_max = 4096;
inline constexpr std::size_t file_name_bytes_max = 255;
/// Beyond, offsets of files would not fit.
inline constexpr std::uint64_t file_size_max = (std::uint64_t{1} << 63) - 1;

struct FileOffer {
  std::string name;  // see check_file_name()
  std::uint64_t size = 0;
  crypto::Hash256 sha256{};  // of the whole content
  friend bool operator==(const FileOffer&, const FileOffer&) = default;
};

/// A name within a folder, as it may be offered: 1 to 255 bytes of UTF-8 without '/' and NUL, not
/// "." and not "..". Errors: `malformed`, `too_large`. What the receiver makes of it for its own
/// disk is more careful still (app/file_receive.h).
Result<void> check_file_name(std::string_view name);

/// Why a file is not taken, or was not kept.
enum class FileRefusal : std::uint8_t {
  unsupported = 1,  // an offer of a later version
  bad_name = 2,     // or bytes that are no offer
  too_large = 3,    // than the receiver takes
  not_wanted = 4,   // from this peer
  busy = 5,         // with as many files as it takes at once (of this peer), or with this very one
  no_space = 6,
  storage = 7,     // its disk failed
  wrong_hash = 8,  // what came is not what was offered; only in a verdict
};
/// What the sender's user is told.
std::string_view words_of(FileRefusal refusal);

struct FileAnswer {
  std::optional<FileRefusal> refusal;
  std::uint64_t offset = 0;  // without one: the receiver has the bytes before
  friend bool operator==(const FileAnswer&, const FileAnswer&) = default;
};
struct FileVerdict {
  std::optional<FileRefusal> refusal;
  crypto::Hash256 sha256{};  // without one: of what is on the receiver's disk now
  friend bool operator==(const FileVerdict&, const FileVerdict&) = default;
};

/// ASSERTs that the name and the size may be offered.
Bytes encode_file_offer(const FileOffer& offer);
/// ASSERTs that it is no refusal of verdicts alone.
Bytes encode_file_answer(const FileAnswer& answer);
Bytes encode_file_verdict(const FileVerdict& verdict);

/// One of them at the front of what came, and how many bytes it takes.
template <class T>
struct FilePart {
  T value;
  std::size_t size = 0;
};
/// Empty when more bytes are needed. Errors: `unsupported` for an offer of a later version alone;
/// `malformed`, `truncated` or `too_large` for what is no offer, answer or verdict.
Result<std::optional<FilePart<FileOffer>>> peek_file_offer(ByteView bytes);
Result<std::optional<FilePart<FileAnswer>>> peek_file_answer(ByteView bytes);
Result<std::optional<FilePart<FileVerdict>>> peek_file_verdict(ByteView bytes);

}  // namespace kith::codec
