// The figures of this folder as metrics: names, help and labels in one place (docs/peer-quality.md
// lists them). Written into the text of GET /metrics by whoever gathers it.
#pragma once

#include "codec/prometheus.h"
#include "peer/limits.h"
#include "peer/quality.h"

namespace kith::peer {

void write_metrics(codec::PrometheusText& text, Instant now, const Quality& quality);
void write_metrics(codec::PrometheusText& text, const Limits& limits);

}  // namespace kith::peer
