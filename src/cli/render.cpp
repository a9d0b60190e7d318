#include "cli/render.h"

#include <nlohmann/json.hpp>

#include "base/format.h"

namespace kith::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t cell_bytes_max = 120;

/// A peer chose some of these words: control characters must not reach the terminal, neither C0 nor
/// C1 (U+0080 to U+009F, in UTF-8 c2 80 to c2 9f).
std::string without_controls(std::string_view text) {
  std::string clean;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0U;
    const bool is_c1 = byte == 0xc2 && next >= 0x80 && next <= 0x9f;
    if (is_c1) ++i;
    clean.push_back(byte < 0x20 || byte == 0x7f || is_c1 ? '?' : text[i]);
  }
  return clean;
}

std::string cell(const Json& value) {
  if (value.is_null()) return "-";
  const std::string text = value.is_string()
                               ? value.get<std::string>()
                               : value.dump(-1, ' ', false, Json::error_handler_t::replace);
  return without_controls(std::string_view(text).substr(0, cell_bytes_max));
}

std::string at(const Json& object, const char* key) {
  if (!object.is_object()) return "-";
  const auto found = object.find(key);
  return found == object.end() ? "-" : cell(*found);
}

void lines(const Json& object, std::size_t indent, std::string& text) {
  for (const auto& [key, value] : object.items()) {
    const std::string start = std::string(indent, ' ') + key;
    if (value.is_object() && !value.empty()) {
      text += start + ":\n";
      lines(value, indent + 2, text);
    } else if (value.is_array()) {
      text += base::format("{:<20} {}\n", start, value.empty() ? "none" : "");
      for (const Json& item : value) {
        if (item.is_object()) {
          lines(item, indent + 2, text);
          text += "\n";
        } else {
          text += std::string(indent + 2, ' ') + cell(item) + "\n";
        }
      }
    } else {
      text += base::format("{:<20} {}\n", start, cell(value));
    }
  }
}

std::string without_end(std::string text) {
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

template <class Render>
std::string with_object(std::string_view result, Render&& render) {
  const Json json = Json::parse(result, nullptr, /*allow_exceptions=*/false);
  return json.is_object() ? without_end(render(json)) : std::string(result);
}

}  // namespace

std::string render_status(std::string_view result) {
  return with_object(result, [](const Json& json) {
    std::string text;
    for (const auto& [key, value] : json.items()) {
      if (value.is_null()) continue;  // parts that do not exist yet
      if (value.is_array()) {
        for (const Json& item : value) text += base::format("{:<12} {}\n", key, cell(item));
      } else {
        text += base::format("{:<12} {}\n", key, cell(value));
      }
    }
    return text;
  });
}

std::string render_peers(std::string_view result) {
  return with_object(result, [](const Json& json) {
    const auto peers = json.find("peers");
    if (peers == json.end() || !peers->is_array() || peers->empty()) return std::string("no peers");
    std::string text = base::format("{:<52}  {:<8}  {:>9}  {:<16}  {}\n", "PEER", "WAY", "RTT ms",
                                    "AGENT", "ADDRESS");
    for (const Json& peer : *peers) {
      const Json addresses = peer.is_object() ? peer.value("addresses", Json()) : Json();
      const std::string address =
          addresses.is_array() && !addresses.empty() ? cell(addresses.front()) : "-";
      text += base::format("{:<52}  {:<8}  {:>9}  {:<16}  {}\n", at(peer, "peer_id"),
                           at(peer, "direction"), at(peer, "rtt_ms"), at(peer, "agent"), address);
    }
    return text;
  });
}

std::string render_stats(std::string_view result) {
  return with_object(result, [](const Json& json) {
    const auto list = [&](const char* key) {
      const Json found = json.value(key, Json());
      return found.is_array() ? found : Json::array();
    };
    const auto name_of = [](const Json& row) {
      std::string name = at(row, "figure");
      if (name.starts_with("kith_")) name.erase(0, 5);
      if (name.ends_with("_total")) name.resize(name.size() - 6);
      const std::string labels = at(row, "labels");
      return labels.empty() || labels == "-" ? name : base::format("{}{{{}}}", name, labels);
    };
    std::string text = base::format("since {} s; what is 0 is left out\n\n{:<58} {:>14} {:>12}\n",
                                    at(json, "since_s"), "FIGURE", "VALUE", "PER S");
    for (const Json& row : list("figures")) {
      if (at(row, "value") == "0") continue;
      text +=
          base::format("{:<58} {:>14} {:>12}\n", name_of(row), at(row, "value"), at(row, "per_s"));
    }
    text += base::format("\n{:<40} {:>9} {:>9} {:>9} {:>9} {:>9}\n", "TIME, ms", "COUNT", "AVERAGE",
                         "P50", "P99", "MAX");
    for (const Json& row : list("timings")) {
      text += base::format("{:<40} {:>9} {:>9} {:>9} {:>9} {:>9}\n", name_of(row), at(row, "count"),
                           at(row, "average_ms"), at(row, "p50_ms"), at(row, "p99_ms"),
                           at(row, "max_ms"));
    }
    return text;
  });
}

std::string render_perf(std::string_view result) {
  return with_object(result, [](const Json& json) {
    return base::format("upload    {} bytes, {} MiB/s\ndownload  {} bytes, {} MiB/s",
                        at(json, "upload_bytes"), at(json, "upload_mib_s"),
                        at(json, "download_bytes"), at(json, "download_mib_s"));
  });
}

std::string render_message(std::string_view result) {
  return with_object(result, [](const Json& json) {
    const bool is_text = json.contains("data") && json["data"].is_string();
    const Json data = json.value(is_text ? "data" : "data_multibase", Json());
    return data.is_string() ? without_controls(data.get<std::string>()) : std::string("-");
  });
}

std::string render_object(std::string_view result) {
  return with_object(result, [](const Json& json) {
    std::string text;
    lines(json, 0, text);
    return text;
  });
}

}  // namespace kith::cli
