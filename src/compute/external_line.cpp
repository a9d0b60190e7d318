#include "compute/external_line.h"

#include <algorithm>
#include <charconv>

#include "base/format.h"
#include "base/machine.h"

namespace kith::compute {
namespace {

constexpr std::size_t shown_max = 60;

std::string hex_or_dash(ByteView bytes) { return bytes.empty() ? "-" : base::to_hex(bytes); }

/// For a sentence: what a stranger's program wrote may be anything.
std::string shown(std::string_view line) {
  std::string text(line.substr(0, shown_max));
  for (char& c : text) {
    if (c < ' ' || c > '~') c = '?';
  }
  return line.size() > shown_max ? text + "..." : text;
}

/// Takes words from the front of a line.
class Words {
 public:
  explicit Words(std::string_view line) : rest_(line) {}

  std::string_view next() {
    const std::size_t end = rest_.find(' ');
    const std::string_view word = rest_.substr(0, end);
    has_ended_ = end == std::string_view::npos;
    rest_ = has_ended_ ? std::string_view() : rest_.substr(end + 1);
    return word;
  }
  bool has_ended() const { return has_ended_; }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
  bool has_ended_ = false;
};

Result<std::uint64_t> number(std::string_view word, std::uint64_t most) {
  std::uint64_t value = 0;
  const char* const end = word.data() + word.size();
  const auto [at, fault] = std::from_chars(word.data(), end, value);
  const bool has_one_form = word.size() == 1 || !word.starts_with('0');
  if (fault != std::errc() || at != end || value > most || !has_one_form) {
    return fail(Code::malformed, base::format("\"{}\" is no number up to {}", shown(word), most));
  }
  return value;
}

Result<Bytes> bytes_of(std::string_view word, std::size_t bytes_max) {
  if (word == "-") return Bytes();
  if (word.size() > 2 * bytes_max) {
    return fail(Code::too_large,
                base::format("{} digits of hex, limit {}", word.size(), 2 * bytes_max));
  }
  Bytes bytes = TRY(base::from_hex(word));
  if (bytes.empty() || base::to_hex(bytes) != word) {
    return fail(Code::malformed, "bytes in another form than lower-case hexadecimal");
  }
  return bytes;
}

Result<ExternalLine> decode_words(Words& words) {
  const std::string_view verb = words.next();
  if (verb == "kith-work") {
    return ExternalHello{static_cast<std::uint32_t>(TRY(number(words.next(), UINT32_MAX)))};
  }
  if (verb == "run") {
    ExternalRun run;
    run.params = TRY(bytes_of(words.next(), params_bytes_max));
    run.task.value = TRY(number(words.next(), tasks_max - 1));
    run.unit = static_cast<std::uint32_t>(TRY(number(words.next(), units_max - 1)));
    run.slice = static_cast<std::uint32_t>(TRY(number(words.next(), slices_max - 1)));
    return run;
  }
  if (verb == "progress") {
    ExternalProgress progress;
    progress.done = TRY(number(words.next(), UINT64_MAX));
    progress.of = TRY(number(words.next(), UINT64_MAX));
    if (progress.done > progress.of) return fail(Code::malformed, "more done than there is");
    return progress;
  }
  if (verb == "result") return ExternalResult{TRY(bytes_of(words.next(), result_bytes_max))};
  return fail(Code::malformed, "no word of the protocol");
}

Result<ExternalLine> decode_error(std::string_view text) {
  if (text.empty() || text.size() > external_error_bytes_max) {
    return fail(Code::too_large, base::format("a text of {} characters, 1 to {}", text.size(),
                                              external_error_bytes_max));
  }
  return ExternalError{std::string(text)};
}

Result<ExternalLine> decode(std::string_view line) {
  if (line.size() > external_line_bytes_max) {
    return fail(Code::too_large, base::format("a line of {} characters, limit {}", line.size(),
                                              external_line_bytes_max));
  }
  if (!std::ranges::all_of(line, [](char c) { return c >= ' ' && c <= '~'; })) {
    return fail(Code::malformed, "characters that are not printable");
  }
  constexpr std::string_view error_verb = "error ";
  if (line.starts_with(error_verb)) return decode_error(line.substr(error_verb.size()));
  Words words(line);
  ExternalLine decoded = TRY(decode_words(words));
  if (!words.has_ended()) return fail(Code::malformed, "more words than it has");
  return decoded;
}

}  // namespace

std::string encode(const ExternalLine& line) {
  return std::visit(
      Overload{
          [](const ExternalHello& l) { return base::format("kith-work {}", l.version); },
          [](const ExternalRun& l) {
            return base::format("run {} {} {} {}", hex_or_dash(l.params), l.task.value, l.unit,
                                l.slice);
          },
          [](const ExternalProgress& l) { return base::format("progress {} {}", l.done, l.of); },
          [](const ExternalResult& l) { return base::format("result {}", hex_or_dash(l.result)); },
          [](const ExternalError& l) { return base::format("error {}", l.text); }},
      line);
}

Result<ExternalLine> decode_external_line(std::string_view line) {
  auto decoded = decode(line);
  if (decoded) return decoded;
  return fail(decoded.error().code, base::format("\"{}\" is no line of its protocol: {}",
                                                 shown(line), decoded.error().message));
}

}  // namespace kith::compute
