// The figures of this folder as metrics: names, help and labels in one place (docs/peer-quality.md
// lists them). Told to whoever gathers them (node/node_metrics.h).
#pragma once

#include "codec/metric_sink.h"
#include "peer/breaker.h"
#include "peer/limits.h"
#include "peer/quality.h"

namespace kith::peer {

void write_metrics(codec::MetricSink& sink, Instant now, const Quality& quality);
void write_metrics(codec::MetricSink& sink, const Limits& limits);
void write_metrics(codec::MetricSink& sink, Instant now, const Breakers& breakers);

}  // namespace kith::peer
