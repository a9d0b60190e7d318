#include "codec/chain_certificate.h"

#include <algorithm>

#include "base/format.h"

namespace kith::codec {
namespace {

constexpr std::string_view magic = "kith-certificate";
constexpr std::uint8_t format = 1;
enum class Of : std::uint8_t { account = 0, work = 1, find = 2 };

void write_signed(Writer& writer, const AccountCertificate& certificate) {
  writer.bytes(base::as_bytes(magic));
  writer.u8(format);
  writer.bytes(certificate.genesis);
  writer.bytes(certificate.account);
  writer.u64(certificate.height.value);
  ASSERT(!certificate.work || !certificate.find);
  if (certificate.find) {
    writer.u8(static_cast<std::uint8_t>(Of::find));
    writer.u64(certificate.find->job.value);
    writer.bytes(certificate.find->name);
    writer.bytes(certificate.find->number);
    writer.u8(certificate.find->what);
    return;
  }
  writer.u8(static_cast<std::uint8_t>(certificate.work ? Of::work : Of::account));
  if (!certificate.work) return;
  writer.u64(certificate.work->job.value);
  writer.u64(certificate.work->tasks);
  writer.u64(certificate.work->units);
  writer.u64(certificate.work->checks);
}

template <class Array>
Result<void> read_into(Reader& reader, Array& array) {
  std::ranges::copy(TRY(reader.bytes(array.size())), array.begin());
  return {};
}

}  // namespace

Bytes encode_account_certificate(const AccountCertificate& certificate) {
  ASSERT(certificate.proof.size() <= chain_proof_bytes_max);
  Bytes bytes;
  Writer writer(bytes);
  write_signed(writer, certificate);
  writer.bytes(certificate.signature);
  writer.u32(static_cast<std::uint32_t>(certificate.proof.size()));
  writer.bytes(certificate.proof);
  return bytes;
}

Result<AccountCertificate> decode_account_certificate(ByteView bytes) {
  if (!is_account_certificate(bytes))
    return fail(Code::malformed, "this is no certificate of kith");
  Reader reader(bytes.subspan(magic.size()));
  const std::uint8_t version = TRY(reader.u8());
  if (version != format) {
    return fail(Code::unsupported, base::format("a certificate of version {}", version));
  }
  AccountCertificate certificate;
  TRY_VOID(read_into(reader, certificate.genesis));
  TRY_VOID(read_into(reader, certificate.account));
  certificate.height = {TRY(reader.u64())};
  const std::uint8_t of = TRY(reader.u8());
  if (of > static_cast<std::uint8_t>(Of::find)) {
    return fail(Code::malformed, base::format("a certificate of {}: 0, 1 or 2", of));
  }
  if (static_cast<Of>(of) == Of::find) {
    CertifiedFind& find = certificate.find.emplace();
    find.job = {TRY(reader.u64())};
    TRY_VOID(read_into(reader, find.name));
    TRY_VOID(read_into(reader, find.number));
    find.what = TRY(reader.u8());
    if (find.what < 1 || find.what > 2) {
      return fail(Code::malformed, base::format("a certificate of a find that is {}", find.what));
    }
  }
  if (static_cast<Of>(of) == Of::work) {
    CertifiedWork& work = certificate.work.emplace();
    work.job = {TRY(reader.u64())};
    work.tasks = TRY(reader.u64());
    work.units = TRY(reader.u64());
    work.checks = TRY(reader.u64());
  }
  TRY_VOID(read_into(reader, certificate.signature));
  const std::size_t size = TRY(reader.u32());
  if (size > chain_proof_bytes_max) {
    return fail(Code::too_large, base::format("a certificate's proof of {} bytes, limit {}", size,
                                              chain_proof_bytes_max));
  }
  certificate.proof = base::to_bytes(TRY(reader.bytes(size)));
  TRY_VOID(reader.finish());
  return certificate;
}

bool is_account_certificate(ByteView bytes) { return base::as_text(bytes).starts_with(magic); }

Hash account_certificate_message(const AccountCertificate& certificate) {
  Bytes bytes;
  Writer writer(bytes);
  write_signed(writer, certificate);
  return tagged_hash("kith/certificate/1", {bytes});
}

}  // namespace kith::codec
