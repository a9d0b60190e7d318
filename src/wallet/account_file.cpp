#include "wallet/account_file.h"

#include <algorithm>

#include "base/format.h"
#include "codec/account_name.h"

namespace kith::wallet {
namespace {

constexpr std::string_view first_line = "KITH ACCOUNT 1\n";
constexpr std::string_view key_begin = "KITH IDENTITY KEY ";

std::unexpected<Error> no_account(std::string_view why) {
  return fail(Code::bad_key, base::format("this is no account file of kith: {}", why));
}

/// The value of a line "NAME: VALUE\n" at the beginning of `text`, which is taken away.
Result<std::string_view> take_line(std::string_view& text, std::string_view name) {
  const std::size_t end = text.find('\n');
  if (end == text.npos || !text.starts_with(name) || text.substr(name.size(), 2) != ": ") {
    return no_account(base::format("no line \"{}\"", name));
  }
  const std::string_view value = text.substr(name.size() + 2, end - name.size() - 2);
  text.remove_prefix(end + 1);
  return value;
}

Result<codec::Hash> take_hash(std::string_view& text, std::string_view name) {
  const std::string_view value = TRY(take_line(text, name));
  const auto bytes = base::from_hex(value);
  codec::Hash hash{};
  if (!bytes || bytes->size() != hash.size() || base::to_hex(*bytes) != value) {
    return no_account(base::format("{} of {} characters", name, value.size()));
  }
  std::ranges::copy(*bytes, hash.begin());
  return hash;
}

}  // namespace

Bytes encode_account_file(const AccountFile& file) {
  Bytes bytes;
  bytes.reserve(account_file_bytes_max);  // so that growing leaves no copy of an open key
  const std::string head =
      base::format("{}genesis: {}\naccount: {}\nname: {}\n", first_line, base::to_hex(file.genesis),
                   base::to_hex(file.account), file.name.empty() ? "-" : file.name);
  base::append(bytes, base::as_bytes(head));
  base::append(bytes, file.key);
  return bytes;
}

Result<AccountFile> decode_account_file(ByteView bytes) {
  if (bytes.size() > account_file_bytes_max) {
    return no_account(base::format("{} bytes, limit {}", bytes.size(), account_file_bytes_max));
  }
  std::string_view text = base::as_text(bytes);
  if (!text.starts_with(first_line)) return no_account("another first line");
  text.remove_prefix(first_line.size());
  AccountFile file;
  file.genesis = TRY(take_hash(text, "genesis"));
  file.account = TRY(take_hash(text, "account"));
  const std::string_view name = TRY(take_line(text, "name"));
  if (name != "-") {
    if (!codec::check_name(name)) return no_account("a name that is none");
    file.name = name;
  }
  if (!text.starts_with(key_begin)) return no_account("no key");
  file.key = base::to_bytes(base::as_bytes(text));
  return file;
}

}  // namespace kith::wallet
