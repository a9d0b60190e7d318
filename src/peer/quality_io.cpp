#include "peer/quality_io.h"

namespace kith::peer {

QualityInput::QualityInput(const QualityInput&) = default;
QualityInput& QualityInput::operator=(const QualityInput&) = default;
QualityInput::QualityInput(QualityInput&&) noexcept = default;
QualityInput& QualityInput::operator=(QualityInput&&) noexcept = default;
QualityInput::~QualityInput() = default;

QualityOutput::QualityOutput(const QualityOutput&) = default;
QualityOutput& QualityOutput::operator=(const QualityOutput&) = default;
QualityOutput::QualityOutput(QualityOutput&&) noexcept = default;
QualityOutput& QualityOutput::operator=(QualityOutput&&) noexcept = default;
QualityOutput::~QualityOutput() = default;

}  // namespace kith::peer
