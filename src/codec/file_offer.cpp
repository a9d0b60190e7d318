#include "codec/file_offer.h"

#include <algorithm>

#include "base/format.h"
#include "codec/printable.h"
#include "codec/reader.h"
#include "codec/utf8.h"
#include "codec/writer.h"

namespace kith::codec {
namespace {

constexpr std::uint8_t offer_version = 1;
constexpr std::uint8_t file_taken = 0;

Result<FileOffer> decode_offer_body(ByteView body) {
  Reader reader(body);
  const std::uint8_t version = TRY(reader.u8());
  if (version != offer_version) {
    return fail(Code::unsupported, base::format("file offer of version {}", version));
  }
  FileOffer offer;
  offer.size = TRY(reader.u64());
  if (offer.size > file_size_max) {
    return fail(Code::too_large, base::format("offer of a file of {} bytes", offer.size));
  }
  std::ranges::copy(TRY(reader.bytes(offer.sha256.size())), offer.sha256.begin());
  offer.name = base::as_text(TRY(reader.sized(file_name_bytes_max)));
  TRY_VOID(check_file_name(offer.name));
  TRY_VOID(reader.finish());
  return offer;
}

/// `last`: of those that may stand in this place.
Result<FileRefusal> refusal_of(std::uint8_t code, FileRefusal last) {
  if (code >= static_cast<std::uint8_t>(FileRefusal::unsupported) &&
      code <= static_cast<std::uint8_t>(last)) {
    return static_cast<FileRefusal>(code);
  }
  return fail(Code::malformed,
              base::format("answer {} to a file offer, which means nothing", code));
}

Bytes encode_refusal(FileRefusal refusal) { return {static_cast<std::uint8_t>(refusal)}; }

}  // namespace

Result<void> check_file_name(std::string_view name) {
  if (name.size() > file_name_bytes_max) {
    return fail(Code::too_large,
                base::format("file name of {} bytes, limit {}", name.size(), file_name_bytes_max));
  }
  const bool is_name = !name.empty() && name != "." && name != ".." &&
                       name.find('/') == std::string_view::npos &&
                       name.find('\0') == std::string_view::npos && is_utf8(base::as_bytes(name));
  if (is_name) return {};
  return fail(Code::malformed,
              base::format("{} is not the name of a file within a folder", printable(name)));
}

std::string_view words_of(FileRefusal refusal) {
  switch (refusal) {
    case FileRefusal::unsupported: return "the receiver does not know this version of the offer";
    case FileRefusal::bad_name: return "the receiver does not take a file of that name";
    case FileRefusal::too_large: return "the file is larger than the receiver takes";
    case FileRefusal::not_wanted: return "the receiver takes no files from this peer";
    case FileRefusal::busy: return "the receiver is busy with other files, or with this one";
    case FileRefusal::no_space: return "the receiver has no space for the file";
    case FileRefusal::storage: return "the receiver cannot store the file";
    case FileRefusal::wrong_hash: return "what arrived is not what was offered";
  }
  return "refused";
}

Bytes encode_file_offer(const FileOffer& offer) {
  ASSERT(check_file_name(offer.name).has_value() && offer.size <= file_size_max);
  Bytes body;
  Writer writer(body);
  writer.u8(offer_version);
  writer.u64(offer.size);
  writer.bytes(offer.sha256);
  writer.sized(base::as_bytes(offer.name));
  Bytes bytes;
  Writer(bytes).sized(body);
  return bytes;
}

Bytes encode_file_answer(const FileAnswer& answer) {
  ASSERT(answer.refusal != FileRefusal::wrong_hash);
  if (answer.refusal) return encode_refusal(*answer.refusal);
  Bytes bytes;
  Writer writer(bytes);
  writer.u8(file_taken);
  writer.u64(answer.offset);
  return bytes;
}

Bytes encode_file_verdict(const FileVerdict& verdict) {
  if (verdict.refusal) return encode_refusal(*verdict.refusal);
  Bytes bytes;
  Writer writer(bytes);
  writer.u8(file_taken);
  writer.bytes(verdict.sha256);
  return bytes;
}

Result<std::optional<FilePart<FileOffer>>> peek_file_offer(ByteView bytes) {
  const auto length = TRY(peek_varint(bytes));
  if (!length) return std::nullopt;
  if (length->value > file_offer_bytes_max) {
    return fail(Code::too_large, base::format("file offer of {} bytes, limit {}", length->value,
                                              file_offer_bytes_max));
  }
  const auto size = static_cast<std::size_t>(length->value);
  if (bytes.size() - length->size < size) return std::nullopt;
  auto offer = TRY(decode_offer_body(bytes.subspan(length->size, size)));
  return FilePart<FileOffer>{std::move(offer), length->size + size};
}

Result<std::optional<FilePart<FileAnswer>>> peek_file_answer(ByteView bytes) {
  if (bytes.empty()) return std::nullopt;
  if (bytes[0] != file_taken) {
    return FilePart<FileAnswer>{{TRY(refusal_of(bytes[0], FileRefusal::storage)), 0}, 1};
  }
  Reader reader(bytes.subspan(1));
  const auto offset = reader.u64();
  if (!offset) return std::nullopt;
  return FilePart<FileAnswer>{{std::nullopt, *offset}, 1 + sizeof *offset};
}

Result<std::optional<FilePart<FileVerdict>>> peek_file_verdict(ByteView bytes) {
  if (bytes.empty()) return std::nullopt;
  FilePart<FileVerdict> part;
  part.size = 1;
  if (bytes[0] != file_taken) {
    part.value.refusal = TRY(refusal_of(bytes[0], FileRefusal::wrong_hash));
    return part;
  }
  if (bytes.size() - 1 < part.value.sha256.size()) return std::nullopt;
  std::ranges::copy(bytes.subspan(1, part.value.sha256.size()), part.value.sha256.begin());
  part.size += part.value.sha256.size();
  return part;
}

}  // namespace kith::codec
