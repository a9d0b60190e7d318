// Every metric of a running node, with its name and help: GET /metrics, `kith stats` and
// docs/metrics.md all come from here. Machines own plain counters (HostStats, RouterStats and the
// like); they are read when somebody asks, so that counting costs an addition.
//
// A new figure is a line in node_metrics.cpp; a test compares docs/metrics.md with it.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "codec/metric_sink.h"
#include "node/figures.h"
#include "node/node.h"

namespace kith::node {

/// What the shell knows of the process.
struct ProcessFigures {
  std::uint64_t resident_bytes = 0;
  std::uint64_t open_files = 0;
  std::uint64_t threads = 0;
  Duration processor{};  // time, of user and system
};

/// What the shell knows of its sockets.
struct ReactorFigures {
  std::uint64_t turns = 0;
  std::uint64_t bytes_read = 0, bytes_sent = 0;
  std::uint64_t reads = 0, sends = 0;
  std::uint64_t read_pauses = 0, write_stalls = 0;
  std::uint64_t accepts_refused = 0;
  std::uint64_t links_open = 0;
  std::uint64_t bytes_kept = 0;
  std::uint64_t resolves = 0;
};

/// What was asked over HTTP.
struct ApiFigures {
  std::array<std::uint64_t, 6> responses{};  // by status / 100
  std::uint64_t rate_limited = 0, forbidden = 0;
  std::uint64_t connections = 0, connections_refused = 0, timed_out = 0;
  std::uint64_t sockets = 0, sockets_opened = 0, sockets_dropped = 0;
  std::uint64_t events_sent = 0;
  std::uint64_t requests_waiting = 0;
  base::Timing::Snapshot times;
};

struct ShellFigures {
  ProcessFigures process;
  ReactorFigures reactor;
  ApiFigures api;
};

struct MetricsSource {
  Instant now;
  Instant started;
  const Node& node;
  const ShellFigures& shell;
};

void write_metrics(codec::MetricSink& sink, const MetricsSource& source);

/// docs/metrics.md.
std::string metrics_docs();

}  // namespace kith::node
