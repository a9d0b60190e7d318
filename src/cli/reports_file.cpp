#include "cli/reports_file.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
#include <nlohmann/json.hpp>

#include "base/format.h"

namespace kith::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr double mib = 1024.0 * 1024;

std::string file_line(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::vector<std::string> packets_first(const std::vector<std::string>& addresses) {
  const auto is_of_packets = [](const auto& text) { return text.find("/udp/") != text.npos; };
  std::vector<std::string> sorted;
  std::ranges::copy_if(addresses, std::back_inserter(sorted), is_of_packets);
  std::ranges::copy_if(addresses, std::back_inserter(sorted), std::not_fn(is_of_packets));
  return sorted;
}

double in_thousandths(double value) { return std::round(value * 1000) / 1000; }

}  // namespace

std::string to_json(const ListeningReport& report) {
  return file_line(Json{{"listening", true},
                        {"peer_id", report.peer_id},
                        {"addresses", packets_first(report.addresses)},
                        {"dir", report.dir}});
}

std::string to_text(const ListeningReport& report) {
  if (report.addresses.empty()) {
    return base::format("files go to {}; but this host has no address, so nobody can send any",
                        report.dir);
  }
  std::string text =
      base::format("files go to {}; whoever sends needs one of these addresses:", report.dir);
  for (const auto& address : packets_first(report.addresses)) {
    text += base::format("\n  kith send FILE {}", address);
  }
  return text;
}

double FileReport::mib_s() const {
  const auto bytes = static_cast<double>(size - std::min(size, offset));
  return seconds > 0 ? bytes / mib / seconds : 0;
}

std::string to_json(const FileReport& report) {
  Json json{{report.is_sent ? "sent" : "received", true}, {"name", report.name}};
  if (!report.is_sent) json["path"] = report.path;
  json["peer_id"] = report.peer_id;
  json["size"] = report.size;
  json["resumed_from"] = report.offset;
  json["sha256"] = report.sha256;
  json["seconds"] = in_thousandths(report.seconds);
  json["mib_s"] = in_thousandths(report.mib_s());
  json["transport"] = report.transport;
  return file_line(json);
}

std::string to_text(const FileReport& report) {
  std::string text = report.is_sent
                         ? base::format("sent {} to {}", report.name, report.peer_id)
                         : base::format("received {} from {}", report.path, report.peer_id);
  text += base::format("\n  {} bytes in {:.2f} s, {:.1f} MiB/s over {}", report.size,
                       report.seconds, report.mib_s(), report.transport);
  if (report.offset > 0) text += base::format(", {} of them were there already", report.offset);
  return text + "\n  sha256 " + report.sha256;
}

std::string to_json(const FileFailureReport& report) {
  return file_line(Json{{"received", false},
                        {"name", report.name.empty() ? Json(nullptr) : Json(report.name)},
                        {"peer_id", report.peer_id},
                        {"error", Json{{"code", base::name_of(report.error.code)},
                                       {"message", report.error.message}}}});
}

std::string to_text(const FileFailureReport& report) {
  return base::format("not received: {}{} from {}: {}", report.name,
                      report.name.empty() ? "a file" : "", report.peer_id,
                      base::to_string(report.error));
}

}  // namespace kith::cli
