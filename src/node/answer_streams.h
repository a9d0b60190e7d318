// Streams on which peers ask one thing each: a frame comes, frames go back, the end. The bytes of
// an answer wait here until the peer makes room for them. For services of this folder.
//
// Limits: requests a second of a peer, answers under way of a peer, their bytes in all, the time of
// each: whoever is over one, or asks twice, has its stream reset. And bytes a second to all peers
// together: answers take turns and wait for it.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "base/deadline_heap.h"
#include "base/token_bucket.h"
#include "codec/frame.h"
#include "host/service.h"

namespace kith::node {

struct AnswerLimits {
  base::TokenRate per_peer{20, 40};
  std::size_t per_peer_max = 4;
  std::size_t bytes_max = 64 * 1024 * 1024;
  Duration time = 60s;
  std::size_t request_bytes_max = 64;
  std::uint64_t bytes_per_second = 0;  // chain.serve_rate; 0: any
};

class AnswerStreams {
 public:
  using Say = std::function<void(host::ServiceCommand)>;
  /// Answers by give() or refuse(), at once or later.
  using OnRequest = std::function<void(Instant now, StreamId stream, ByteView frame)>;

  AnswerStreams(const AnswerLimits& limits, Say say, OnRequest on_request)
      : limits_(limits), say_(std::move(say)), on_request_(std::move(on_request)) {
    if (limits.bytes_per_second > 0) {
      // Half a second's, or a turn's: what is saved up must not be a burst that hurts.
      rate_ = {limits.bytes_per_second, std::max(limits.bytes_per_second / 2, turn_bytes)};
    }
  }

  void on_stream(Instant now, const host::StreamUp& up);
  /// False: no stream of ours.
  bool on_data(Instant now, const host::StreamData& data);
  void on_room(Instant now, const host::StreamRoom& told);
  void on_down(StreamId stream) { forget(stream); }
  void on_peer_down(const PeerId& peer) { buckets_.erase(peer); }
  void on_deadline(Instant now);
  std::optional<Instant> next_deadline() const {
    return base::soonest(ends_.soonest(), resume_at_);
  }

  /// Nothing happens when the stream has gone meanwhile.
  void give(Instant now, StreamId stream, std::vector<Buffer> frames);
  void refuse(StreamId stream);
  std::uint64_t refused() const { return refused_; }

 private:
  struct Answer {
    PeerId peer;
    std::size_t room = 0;
    bool is_asked = false, is_read = false;
    codec::FrameReader reader;
    std::vector<Buffer> frames;  // to be written, from `next` on
    std::size_t next = 0;
    std::size_t bytes = 0;
  };
  static constexpr std::uint64_t turn_bytes = 64 * 1024;

  void write(Instant now, StreamId stream, Answer& answer);
  /// Up to `size` bytes that may be sent now; 0: the answer waits for its turn.
  std::size_t allowed(Instant now, StreamId stream, std::size_t size);
  void resume(Instant now);
  void forget(StreamId stream);

  const AnswerLimits limits_;
  const Say say_;
  const OnRequest on_request_;
  std::map<PeerId, base::TokenBucket> buckets_;
  std::map<StreamId, Answer> answers_;
  mutable base::DeadlineHeap<StreamId> ends_;
  std::size_t bytes_ = 0;
  std::uint64_t refused_ = 0;
  std::optional<base::TokenRate> rate_;
  std::optional<base::TokenBucket> bucket_;  // from the first answer on
  std::deque<StreamId> waiting_;             // for bytes of the rate
  std::optional<Instant> resume_at_;
  bool is_resuming_ = false;
};

/// One frame, as these protocols have them.
Buffer answer_frame(ByteView body);

}  // namespace kith::node
