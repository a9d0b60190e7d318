#include "host/negotiate.h"

#include "base/format.h"
#include "codec/multistream.h"
#include "codec/printable.h"

namespace kith::host {

using codec::append_multistream;

Negotiator Negotiator::dialer(std::vector<std::string> protocols) {
  ASSERT(!protocols.empty());
  Negotiator self;
  self.is_dialer_ = true;
  self.protocols_ = std::move(protocols);
  append_multistream(self.output_, codec::multistream_header);
  append_multistream(self.output_, self.protocols_.front());
  self.proposals_ = 1;
  return self;
}

Negotiator Negotiator::listener() {
  Negotiator self;
  append_multistream(self.output_, codec::multistream_header);
  return self;
}

Result<Negotiator::Progress> Negotiator::on_bytes(
    ByteView bytes, const std::function<bool(std::string_view)>& is_known) {
  const std::size_t kept = partial_.size();
  Bytes joined = std::exchange(partial_, {});
  if (kept > 0) {
    base::append(joined, bytes);
    bytes = joined;
  }
  Progress progress = TRY(take(bytes, is_known));
  if (!progress.agreed) {
    partial_ = base::to_bytes(bytes.subspan(progress.taken));
    progress.taken = bytes.size();
  }
  progress.taken -= kept;  // a whole message ends in bytes that are new
  return progress;
}

Result<Negotiator::Progress> Negotiator::take(
    ByteView bytes, const std::function<bool(std::string_view)>& is_known) {
  Progress progress;
  while (!progress.agreed) {
    const auto message = TRY(codec::peek_multistream(bytes.subspan(progress.taken)));
    if (!message) break;
    progress.taken += message->size;
    if (!header_seen_) {
      if (message->text != codec::multistream_header) {
        return fail(Code::protocol, base::format("expected {}, got {}", codec::multistream_header,
                                                 codec::printable(message->text)));
      }
      header_seen_ = true;
      continue;
    }
    progress.agreed =
        TRY(is_dialer_ ? on_reply(message->text) : on_proposal(message->text, is_known));
  }
  return progress;
}

Result<std::optional<std::string>> Negotiator::on_reply(std::string_view text) {
  const std::string& proposed = protocols_[proposals_ - 1];
  if (text == proposed) return proposed;
  if (text != codec::multistream_na) {
    return fail(Code::protocol, base::format("proposed {}, the peer answered {}", proposed,
                                             codec::printable(text)));
  }
  if (proposals_ == protocols_.size()) {
    return fail(Code::unsupported, base::format("the peer does not speak {}", proposed));
  }
  append_multistream(output_, protocols_[proposals_++]);
  return std::optional<std::string>();
}

Result<std::optional<std::string>> Negotiator::on_proposal(
    std::string_view text, const std::function<bool(std::string_view)>& is_known) {
  if (++proposals_ > proposals_max) {
    return fail(Code::limit, base::format("more than {} protocol proposals", proposals_max));
  }
  if (text != codec::multistream_ls && is_known(text)) {
    append_multistream(output_, text);
    return std::optional<std::string>(text);
  }
  append_multistream(output_, codec::multistream_na);
  return std::optional<std::string>();
}

Bytes Negotiator::take_output() { return std::exchange(output_, {}); }

}  // namespace kith::host
