#include "consensus/engine_io.h"

namespace kith::consensus {

EngineInput::EngineInput(const EngineInput&) = default;
EngineInput& EngineInput::operator=(const EngineInput&) = default;
EngineInput::EngineInput(EngineInput&&) noexcept = default;
EngineInput& EngineInput::operator=(EngineInput&&) noexcept = default;
EngineInput::~EngineInput() = default;

EngineOutput::EngineOutput(const EngineOutput&) = default;
EngineOutput& EngineOutput::operator=(const EngineOutput&) = default;
EngineOutput::EngineOutput(EngineOutput&&) noexcept = default;
EngineOutput& EngineOutput::operator=(EngineOutput&&) noexcept = default;
EngineOutput::~EngineOutput() = default;

}  // namespace kith::consensus
