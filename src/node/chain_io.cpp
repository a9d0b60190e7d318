#include "node/chain_io.h"

namespace kith::node {

ChainOutput::ChainOutput(ChainOutput&&) noexcept = default;
ChainOutput& ChainOutput::operator=(ChainOutput&&) noexcept = default;
ChainOutput::~ChainOutput() = default;

ChainInput::ChainInput(const ChainInput&) = default;
ChainInput& ChainInput::operator=(const ChainInput&) = default;
ChainInput::ChainInput(ChainInput&&) noexcept = default;
ChainInput& ChainInput::operator=(ChainInput&&) noexcept = default;
ChainInput::~ChainInput() = default;

}  // namespace kith::node
