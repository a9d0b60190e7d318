// A node's answers (JSON, docs/api.md) as text for a person. What does not read as expected is
// shown as it came.
#pragma once

#include <string>
#include <string_view>

namespace kith::cli {

std::string render_status(std::string_view result);
std::string render_peers(std::string_view result);
/// The figures of `stats` as a table, those at 0 left out, and its times.
std::string render_stats(std::string_view result);
std::string render_perf(std::string_view result);
/// A message of a topic: its text, or its bytes as multibase.
std::string render_message(std::string_view result);
/// Any object: a key and its value a line, inner objects indented.
std::string render_object(std::string_view result);

}  // namespace kith::cli
