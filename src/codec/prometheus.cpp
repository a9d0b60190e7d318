#include "codec/prometheus.h"

#include <cmath>

#include "base/bytes.h"
#include "base/format.h"
#include "base/machine.h"
#include "codec/utf8.h"

namespace kith::codec {
namespace {

bool is_word_character(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

bool is_label_name(std::string_view name) {
  if (name.empty() || !(name[0] >= 'a' && name[0] <= 'z') || name == "le") return false;
  for (const char c : name) {
    if (!is_word_character(c) && c != '_') return false;
  }
  return true;
}

/// The length of the well-formed UTF-8 character at the front, 0 if there is none.
std::size_t character_bytes(std::string_view text) {
  for (std::size_t size = 1; size <= 4 && size <= text.size(); ++size) {
    if (is_utf8(base::as_bytes(text.substr(0, size)))) return size;
  }
  return 0;
}

/// In HELP a quote stands for itself, in a label value it does not.
void append_escaped(std::string& to, std::string_view text, bool is_quoted) {
  while (!text.empty()) {
    const std::size_t size = character_bytes(text);
    if (size == 0) {
      to += "\xef\xbf\xbd";
    } else if (text[0] == '\\') {
      to += "\\\\";
    } else if (text[0] == '\n') {
      to += "\\n";
    } else if (text[0] == '"' && is_quoted) {
      to += "\\\"";
    } else {
      to += text.substr(0, size);
    }
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
}

std::string decimal(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return base::format("{}", value);  // the shortest that reads back as the same
}

std::string_view name_of(MetricType type) {
  switch (type) {
    case MetricType::counter: return "counter";
    case MetricType::gauge: return "gauge";
    case MetricType::histogram: return "histogram";
  }
  UNREACHABLE();
}

}  // namespace

bool is_metric_name(std::string_view name) {
  if (!name.starts_with("kith_")) return false;
  int words = 0;
  bool in_word = false;
  for (const char c : name) {
    if (c == '_') {
      if (!in_word) return false;
      in_word = false;
    } else if (is_word_character(c)) {
      words += in_word ? 0 : 1;
      in_word = true;
    } else {
      return false;
    }
  }
  return in_word && words >= 3;
}

void PrometheusText::begin(std::string_view name, std::string_view help, MetricType type) {
  ASSERT(is_metric_name(name) && !help.empty());
  ASSERT(name.ends_with("_total") == (type == MetricType::counter));
  ASSERT(families_.emplace(name).second);
  family_ = name;
  type_ = type;
  text_ += base::format("# HELP {} ", name);
  append_escaped(text_, help, false);
  text_ += base::format("\n# TYPE {} {}\n", name, name_of(type));
}

void PrometheusText::line(std::string_view suffix, Labels labels, std::string_view bound,
                          std::string_view value) {
  ASSERT(!family_.empty());
  text_ += family_;
  text_ += suffix;
  char divider = '{';
  for (const auto& [name, text] : labels) {
    ASSERT(is_label_name(name));
    text_ += divider;
    text_ += name;
    text_ += "=\"";
    append_escaped(text_, text, true);
    text_ += '"';
    divider = ',';
  }
  if (!bound.empty()) {
    text_ += base::format("{}le=\"{}\"", divider, bound);
    divider = ',';
  }
  if (divider == ',') text_ += '}';
  text_ += base::format(" {}\n", value);
}

void PrometheusText::number(Number any, Labels labels) {
  const auto check = [&](auto value) {
    ASSERT(type_ == MetricType::gauge || (type_ == MetricType::counter && value >= 0));
  };
  std::visit(Overload{[&](std::uint64_t value) {
                        ASSERT(type_ != MetricType::histogram);
                        line("", labels, "", base::format("{}", value));
                      },
                      [&](std::int64_t value) {
                        check(value);
                        line("", labels, "", base::format("{}", value));
                      },
                      [&](double value) {
                        check(value);
                        line("", labels, "", decimal(value));
                      }},
             any);
}

void PrometheusText::distribution(const base::Histogram::Snapshot& histogram, double per_unit,
                                  const base::Latency::Snapshot*, Labels labels) {
  ASSERT(type_ == MetricType::histogram);
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < base::histogram_buckets; ++i) {
    count += histogram.buckets[i];
    line("_bucket", labels, decimal(static_cast<double>(histogram.bound(i)) / per_unit),
         base::format("{}", count));
  }
  const std::string all = base::format("{}", histogram.count());
  line("_bucket", labels, "+Inf", all);
  line("_sum", labels, "", decimal(static_cast<double>(histogram.sum) / per_unit));
  line("_count", labels, "", all);
}

}  // namespace kith::codec
