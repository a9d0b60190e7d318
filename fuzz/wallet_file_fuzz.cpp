// Wallet files: arbitrary bytes, and bytes under a checksum that holds, are refused, or read and
// encode to the very same bytes; what is read gives addresses. Nothing is unlocked: that costs what
// the file says. Files of accounts' keys likewise.
#include <cstdint>

#include "crypto/hash.h"
#include "wallet/account_file.h"
#include "wallet/wallet.h"

namespace {

void read(kith::ByteView bytes) {
  using namespace kith;
  auto file = wallet::decode_wallet(bytes);
  if (!file) return;
  ASSERT(wallet::encode_wallet(*file) == base::to_bytes(bytes));
  ASSERT(wallet::sealed_header(*file).size() < bytes.size());
  wallet::Wallet opened(*std::move(file));
  const auto& chains = opened.file().chains;
  for (std::uint32_t i = 0; i < chains[0].keys.size() && i < 4; ++i) {
    ASSERT(!opened.address({wallet::KeyChain::receive, i}).empty());
  }
  (void)opened.new_address("fuzzed");
  if (const auto change = opened.next_change()) opened.take_change(*change);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kith;
  const ByteView bytes{data, size};
  read(bytes);
  Bytes framed = base::to_bytes(std::string_view("kith-wallet\x01"));
  base::append(framed, bytes);
  base::append(framed, crypto::sha256(framed));
  read(framed);
  (void)wallet::decode_secret(bytes);
  if (const auto account = wallet::decode_account_file(bytes)) {
    ASSERT(wallet::encode_account_file(*account) == base::to_bytes(bytes));
  }
  return 0;
}
