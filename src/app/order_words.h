// What an order does, as whoever is to sign it reads it.
#pragma once

#include <string>
#include <string_view>

#include "wallet/orders.h"

namespace kith::app {

std::string words_of(const wallet::WalletOrder& order, std::string_view hrp);

}  // namespace kith::app
