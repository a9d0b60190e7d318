#include "wallet/wallet_file.h"

#include <algorithm>

#include "base/format.h"
#include "base/machine.h"
#include "codec/chain_params.h"
#include "codec/utf8.h"
#include "codec/writer.h"
#include "wallet/mnemonic.h"

namespace kith::wallet {
namespace {

using codec::Reader;
using codec::Writer;

constexpr std::string_view magic = "kith-wallet";
constexpr std::uint8_t format = 1;
constexpr std::uint8_t secret_open = 0;
constexpr std::uint8_t secret_sealed = 1;
constexpr std::size_t checksum_bytes = 32;
constexpr std::size_t secret_bytes_max = 2 + entropy_bytes_max + word_passphrase_bytes_max;
constexpr std::size_t key_bytes = 32;
constexpr std::size_t label_bytes_min = 1 + 4 + 1 + 1;

std::unexpected<Error> damaged(std::string_view what) {
  return fail(Code::bad_key, base::format("wallet file is damaged: {}", what));
}

void write_text(Writer& writer, ByteView text) {
  writer.u8(static_cast<std::uint8_t>(text.size()));
  writer.bytes(text);
}

template <std::size_t size>
Result<std::array<std::uint8_t, size>> read_array(Reader& reader) {
  const ByteView bytes = TRY(reader.bytes(size));
  std::array<std::uint8_t, size> array;
  std::ranges::copy(bytes, array.begin());
  return array;
}

Result<std::string> read_text(Reader& reader) {
  const std::size_t size = TRY(reader.u8());
  return std::string(base::as_text(TRY(reader.bytes(size))));
}

/// As codec/chain_params.h has it.
Result<void> check_word(std::string_view what, std::string_view text, std::size_t size_max,
                        bool may_have_dash) {
  const bool is_well =
      !text.empty() && text.size() <= size_max && std::ranges::all_of(text, [&](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c == '-' && may_have_dash);
      });
  if (is_well) return {};
  return fail(Code::malformed,
              base::format("{} of {} bytes that cannot be one", what, text.size()));
}

Result<SealedSecret> read_sealed(Reader& reader) {
  SealedSecret secret;
  secret.cost.ops = TRY(reader.u32());
  secret.cost.mem_kib = TRY(reader.u32());
  const crypto::KdfCost& cost = secret.cost;
  if (cost.ops < crypto::kdf_cost_min.ops || cost.mem_kib < crypto::kdf_cost_min.mem_kib ||
      cost.ops > crypto::kdf_cost_max.ops || cost.mem_kib > crypto::kdf_cost_max.mem_kib) {
    return fail(
        Code::too_large,
        base::format("wallet file asks for {} passes over {} KiB, limits {} and {}", cost.ops,
                     cost.mem_kib, crypto::kdf_cost_max.ops, crypto::kdf_cost_max.mem_kib));
  }
  secret.salt = TRY(read_array<std::tuple_size_v<crypto::KdfSalt>>(reader));
  secret.nonce = TRY(read_array<std::tuple_size_v<crypto::SealNonce>>(reader));
  const std::size_t size = TRY(reader.u8());
  if (size < crypto::seal_tag_bytes || size > secret_bytes_max + crypto::seal_tag_bytes) {
    return damaged(base::format("a sealed secret of {} bytes", size));
  }
  secret.sealed = base::to_bytes(TRY(reader.bytes(size)));
  return secret;
}

Result<KeyWindow> read_window(Reader& reader) {
  KeyWindow window;
  window.next = TRY(reader.u32());
  window.used = TRY(reader.u32());
  const std::size_t count = TRY(reader.u32());
  if (count > wallet_keys_max || count * key_bytes > reader.remaining()) {
    return damaged(base::format("{} keys in {} bytes", count, reader.remaining()));
  }
  if (window.next > count || window.used > count) {
    return damaged(base::format("key {} of {}", std::max(window.next, window.used), count));
  }
  window.keys.resize(count);
  for (codec::ChainKey& key : window.keys) key = TRY(read_array<key_bytes>(reader));
  return window;
}

Result<std::vector<KeyLabel>> read_labels(Reader& reader, const WalletFile& file) {
  const std::size_t count = TRY(reader.u16());
  if (count > wallet_labels_max || count * label_bytes_min > reader.remaining()) {
    return damaged(base::format("{} labels in {} bytes", count, reader.remaining()));
  }
  std::vector<KeyLabel> labels(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint8_t chain = TRY(reader.u8());
    if (chain >= key_chains) return damaged(base::format("a label of chain {}", chain));
    labels[i].path = {static_cast<KeyChain>(chain), TRY(reader.u32())};
    if (labels[i].path.index >= file.chains[chain].keys.size()) {
      return damaged(base::format("a label of key {}", labels[i].path.index));
    }
    if (i > 0 && !(labels[i - 1].path < labels[i].path)) return damaged("labels out of order");
    labels[i].text = TRY(read_text(reader));
    if (labels[i].text.empty() || !check_label(labels[i].text)) return damaged("a label's text");
  }
  return labels;
}

void write_header(Writer& writer, const WalletFile& file) {
  writer.bytes(base::as_bytes(magic));
  writer.u8(format);
  writer.bytes(file.genesis);
  write_text(writer, base::as_bytes(file.network));
  write_text(writer, base::as_bytes(file.hrp));
  writer.u32(file.account);
  if (const auto* sealed = std::get_if<SealedSecret>(&file.secret)) {
    writer.u8(secret_sealed);
    writer.u32(sealed->cost.ops);
    writer.u32(sealed->cost.mem_kib);
    writer.bytes(sealed->salt);
    writer.bytes(sealed->nonce);
  } else {
    writer.u8(secret_open);
  }
}

/// Checks the ends of the file; gives what is between them.
Result<ByteView> check_frame(ByteView bytes) {
  if (bytes.size() > wallet_file_bytes_max) {
    return fail(Code::too_large, base::format("wallet file of {} bytes, limit {}", bytes.size(),
                                              wallet_file_bytes_max));
  }
  if (!base::as_text(bytes).starts_with(magic)) {
    return fail(Code::bad_key, "this is no wallet file of kith");
  }
  if (bytes.size() < magic.size() + 1 + checksum_bytes) return damaged("it ends too early");
  if (bytes[magic.size()] != format) {
    return fail(Code::unsupported,
                base::format("wallet file of version {}; this program reads version {}",
                             bytes[magic.size()], format));
  }
  const ByteView body = bytes.first(bytes.size() - checksum_bytes);
  if (!base::equal(crypto::sha256(body), bytes.last(checksum_bytes))) {
    return damaged("its checksum does not match");
  }
  return body.subspan(magic.size() + 1);
}

}  // namespace

Result<void> check_label(std::string_view text) {
  const bool is_well =
      text.size() <= label_bytes_max && codec::is_utf8(base::as_bytes(text)) &&
      std::ranges::none_of(text, [](char c) { return (c >= 0 && c < ' ') || c == 0x7f; });
  if (is_well) return {};
  return fail(Code::usage, base::format("a label has at most {} bytes of text, and no control "
                                        "characters",
                                        label_bytes_max));
}

Bytes sealed_header(const WalletFile& file) {
  Bytes bytes;
  Writer writer(bytes);
  write_header(writer, file);
  return bytes;
}

Bytes encode_wallet(const WalletFile& file) {
  Bytes bytes;
  // Once, so that growing leaves no copy of an open secret.
  std::size_t size = 512 + file.name.size();
  for (const KeyWindow& window : file.chains) size += 12 + window.keys.size() * key_bytes;
  size += file.labels.size() * (label_bytes_min + label_bytes_max);
  bytes.reserve(size);
  Writer writer(bytes);
  write_header(writer, file);
  std::visit(Overload{[&](const crypto::SecretBytes& open) { write_text(writer, open.view()); },
                      [&](const SealedSecret& sealed) { write_text(writer, sealed.sealed); }},
             file.secret);
  write_text(writer, base::as_bytes(file.name));
  for (const KeyWindow& window : file.chains) {
    writer.u32(window.next);
    writer.u32(window.used);
    writer.u32(static_cast<std::uint32_t>(window.keys.size()));
    for (const codec::ChainKey& key : window.keys) writer.bytes(key);
  }
  writer.u16(static_cast<std::uint16_t>(file.labels.size()));
  for (const KeyLabel& label : file.labels) {
    writer.u8(static_cast<std::uint8_t>(label.path.chain));
    writer.u32(label.path.index);
    write_text(writer, base::as_bytes(label.text));
  }
  writer.bytes(crypto::sha256(bytes));
  return bytes;
}

Result<WalletFile> decode_wallet(ByteView bytes) {
  Reader reader(TRY(check_frame(bytes)));
  WalletFile file;
  file.genesis = TRY(read_array<32>(reader));
  file.network = TRY(read_text(reader));
  TRY_VOID(check_word("a network's name", file.network, codec::network_name_max, true));
  file.hrp = TRY(read_text(reader));
  TRY_VOID(check_word("an address prefix", file.hrp, codec::hrp_bytes_max, false));
  file.account = TRY(reader.u32());
  if (file.account > hd_index_max) return damaged(base::format("account {}", file.account));
  const std::uint8_t kind = TRY(reader.u8());
  if (kind == secret_sealed) {
    file.secret = TRY(read_sealed(reader));
  } else if (kind == secret_open) {
    const std::size_t size = TRY(reader.u8());
    const ByteView open = TRY(reader.bytes(size));
    TRY(decode_secret(open));
    file.secret = crypto::SecretBytes::copy_of(open);
  } else {
    return damaged(base::format("a secret of kind {}", kind));
  }
  file.name = TRY(read_text(reader));
  if (!check_label(file.name)) return damaged("the wallet's name");
  for (KeyWindow& window : file.chains) window = TRY(read_window(reader));
  file.labels = TRY(read_labels(reader, file));
  TRY_VOID(reader.finish());
  return file;
}

crypto::SecretBytes encode_secret(const WordSecret& secret) {
  Bytes bytes;
  bytes.reserve(secret_bytes_max);
  Writer writer(bytes);
  write_text(writer, secret.entropy.view());
  write_text(writer, secret.passphrase.view());
  auto copy = crypto::SecretBytes::copy_of(bytes);
  crypto::wipe(bytes);
  return copy;
}

Result<WordSecret> decode_secret(ByteView bytes) {
  Reader reader(bytes);
  WordSecret secret;
  const std::size_t entropy_bytes = TRY(reader.u8());
  if (!is_entropy_size(entropy_bytes)) {
    return damaged(base::format("{} bytes of entropy", entropy_bytes));
  }
  secret.entropy = crypto::SecretBytes::copy_of(TRY(reader.bytes(entropy_bytes)));
  const std::size_t passphrase_bytes = TRY(reader.u8());
  secret.passphrase = crypto::SecretBytes::copy_of(TRY(reader.bytes(passphrase_bytes)));
  if (!check_word_passphrase(base::as_text(secret.passphrase.view()))) {
    return damaged("the passphrase of the words");
  }
  TRY_VOID(reader.finish());
  return secret;
}

}  // namespace kith::wallet
