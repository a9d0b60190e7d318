// Transaction files of wallets: arbitrary bytes are refused, or read, add up and encode to the very
// same bytes; looking at them and signing them does not crash. Words and amounts as text likewise.
#include <cstdint>

#include "wallet/amount_text.h"
#include "wallet/mnemonic.h"
#include "wallet/offline_tx.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kith;
  static const wallet::HdKey account = wallet::account_key(Bytes(64, 1), 0);
  const ByteView bytes{data, size};
  if (auto file = wallet::decode_offline_tx(bytes)) {
    ASSERT(wallet::encode_offline_tx(*file) == base::to_bytes(bytes));
    const auto summary = wallet::summarize(*file, &account);
    ASSERT(summary.has_value());
    codec::Amount out = summary->back + summary->fee + summary->bonded;
    for (const auto& payment : summary->paid) out += payment.value;
    codec::Amount in = 0;
    for (const codec::Amount value : file->values) in += value;
    ASSERT(in == out);
    (void)wallet::sign_offline(*file, account);
  }
  if (const auto entropy = wallet::entropy_of(base::as_text(bytes))) {
    ASSERT(wallet::entropy_of(wallet::words_of(entropy->view())).has_value());
  }
  if (const auto amount = wallet::parse_coins(base::as_text(bytes))) {
    const auto again = wallet::parse_coins(wallet::format_coins(*amount));
    ASSERT(again.has_value() && *again == *amount);
  }
  return 0;
}
