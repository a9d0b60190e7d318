// The fields of a block's header that the application fills in and everybody computes anew, by
// name: what is compared when a block is checked, and written down when one does not fit.
// docs/protocol/consensus.md, "Blocks".
#pragma once

#include <utility>

#include "codec/chain_block.h"

namespace kith::node {

inline constexpr std::pair<const char*, codec::Hash codec::BlockHeader::*> header_roots[] = {
    {"tx_root", &codec::BlockHeader::tx_root},
    {"utxo_root", &codec::BlockHeader::utxo_root},
    {"registry_root", &codec::BlockHeader::registry_root},
    {"receipts_root", &codec::BlockHeader::receipts_root},
    {"evidence_root", &codec::BlockHeader::evidence_root},
    {"history_root", &codec::BlockHeader::history_root},
    {"next_validators_root", &codec::BlockHeader::next_validators_root}};

}  // namespace kith::node
