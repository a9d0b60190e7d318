// Random commands on both sides of a carrier that loses, mixes and repeats, against a model: what
// must arrive arrives exactly once and in order, and at the end no credit is missing and every
// table is empty.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <vector>

#include "base/machine.h"
#include "packet/services_pair_test_util.h"

namespace kith::packet {
namespace {

using testing::CarrierFaults;
using testing::ServicesPair;

std::uint8_t model_byte(std::size_t side, std::uint64_t of, std::uint64_t offset) {
  const std::uint64_t mixed = (of * 2 + side) * 0x9e3779b97f4a7c15 + offset * 0xbf58476d1ce4e5b9;
  return static_cast<std::uint8_t>(mixed >> 37);
}
Bytes model_bytes(std::size_t side, std::uint64_t of, std::uint64_t offset, std::size_t size) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = model_byte(side, of, offset + i);
  return bytes;
}

class ServicesModel {
 public:
  ServicesModel(const ServicesConfig& config, std::uint64_t seed, const CarrierFaults& faults)
      : pair_(config, config, seed), rng_(seed ^ 0x5eed), faults_(faults) {}

  void step() {
    const std::size_t side = rng_.below(2);
    switch (rng_.below(16)) {
      case 0: open(side); break;
      case 1:
      case 2:
      case 3: write(side); break;
      case 4: end(side); break;
      case 5: send_message(side); break;
      case 6: send_datagram(side); break;
      case 7:
      case 8: consume(side); break;
      case 9: consume_messages(side); break;
      default: turn(faults_); break;
    }
    check_credit();
  }

  /// All is finished and consumed, and nothing is lost any more.
  void end_all() {
    is_ending_ = true;
    for (int round = 0; round < 20; ++round) {
      for (std::size_t side = 0; side < 2; ++side) {
        for (auto& [number, stream] : streams_[side]) {
          if (!stream.is_gone && !stream.is_finished) {
            stream.is_finished = true;
            pair_[side].finish(number);
          }
        }
        while (consume(side)) {
        }
        while (consume_messages(side)) {
        }
      }
      for (int i = 0; i < 5000 && turn({}); ++i) {
      }
    }
  }

  void check_end() {
    for (std::size_t side = 0; side < 2; ++side) {
      SCOPED_TRACE(side);
      const Services::Held held = pair_[side].held();
      const Services::Held peer = pair_[1 - side].held();
      EXPECT_EQ(held.streams, 0U);
      EXPECT_EQ(held.messages_out, 0U);
      EXPECT_EQ(held.messages_assembled, 0U);
      EXPECT_EQ(held.messages_unconsumed, 0U);
      EXPECT_EQ(held.sent, peer.received);
      EXPECT_EQ(held.received, held.returned);
      EXPECT_TRUE(pair_[side].is_all_acknowledged());
      EXPECT_FALSE(pair_[side].has_pending());
      EXPECT_FALSE(pair_[side].next_deadline());
      for (auto& [number, stream] : streams_[side]) {
        EXPECT_TRUE(stream.is_gone) << number;
        Model& other = streams_[1 - side][number];
        if (stream.was_cut || other.was_cut) continue;
        EXPECT_EQ(other.heard, stream.written) << number;
        EXPECT_EQ(other.ends_heard, 1) << number;
      }
      for (const auto& [number, was_delivered] : done_[side]) {
        if (was_delivered) EXPECT_TRUE(arrived_[1 - side].contains(number));
      }
      EXPECT_EQ(done_[side].size(), sizes_[side].size());
    }
  }

  std::uint64_t bytes_heard = 0, messages_heard = 0, streams_opened = 0, given_up = 0;

 private:
  struct Model {
    std::uint64_t written = 0, heard = 0;
    std::size_t room = 0, unconsumed = 0;
    int ends_heard = 0;
    bool is_finished = false;
    bool was_cut = false;  // reset or stopped by this side
    bool is_gone = false;
  };

  bool turn(const CarrierFaults& faults) {
    return pair_.turn(faults, [this](std::size_t side) { drain(side); });
  }

  void drain(std::size_t side) {
    while (auto output = pair_[side].poll_output()) take(side, *output);
  }

  void take(std::size_t side, ServicesOutput& output) {
    auto& streams = streams_[side];
    std::visit(Overload{[&](StreamAccepted& o) {
                          EXPECT_FALSE(streams.contains(o.stream));
                          streams[o.stream].room = o.room;
                        },
                        [&](StreamBytes& o) {
                          Model& stream = streams.at(o.stream);
                          EXPECT_FALSE(stream.is_gone);
                          for (std::size_t i = 0; i < o.data.size(); ++i) {
                            ASSERT_EQ(o.data[i], model_byte(1 - side, o.stream, stream.heard + i));
                          }
                          stream.heard += o.data.size();
                          bytes_heard += o.data.size();
                          EXPECT_LE(stream.heard, streams_[1 - side].at(o.stream).written);
                          stream.unconsumed += o.data.size();
                        },
                        [&](StreamWritable& o) { streams.at(o.stream).room = o.room; },
                        [&](StreamFinished& o) { ++streams.at(o.stream).ends_heard; },
                        [&](StreamStopped& o) { streams.at(o.stream).room = 0; },
                        [&](StreamClosed& o) {
                          EXPECT_FALSE(streams.at(o.stream).is_gone);
                          streams.at(o.stream).is_gone = true;
                          streams.at(o.stream).unconsumed = 0;
                        },
                        [&](MessageArrived& o) { take_message(side, o); },
                        [&](MessageDone& o) {
                          EXPECT_FALSE(done_[side].contains(o.number));
                          done_[side][o.number] = o.was_delivered;
                          if (!o.was_delivered) ++given_up;
                        },
                        [&](DatagramArrived& o) {
                          for (std::size_t i = 0; i < o.data.size(); ++i) {
                            ASSERT_EQ(o.data[i], model_byte(1 - side, o.data.size(), i));
                          }
                        }},
               output);
  }

  void take_message(std::size_t side, const MessageArrived& message) {
    EXPECT_TRUE(arrived_[side].insert(message.number).second);
    std::uint64_t at = 0;
    for (const ByteView piece : message.pieces) {
      for (const std::uint8_t byte : piece) {
        ASSERT_EQ(byte, model_byte(1 - side, message.number | 1U << 20, at));
        ++at;
      }
    }
    EXPECT_EQ(at, sizes_[1 - side].at(message.number));
    held_[side].push_back(message.number);
    ++messages_heard;
  }

  void open(std::size_t side) {
    const auto number = pair_[side].open_stream(static_cast<Importance>(rng_.below(4) * 300));
    if (!number) {
      EXPECT_EQ(number.error().code, Code::limit);
      return;
    }
    ++streams_opened;
    streams_[side][*number].room = pair_[side].room(*number);
  }

  std::pair<const StreamNumber, Model>* any_stream(std::size_t side) {
    std::vector<std::pair<const StreamNumber, Model>*> live;
    for (auto& entry : streams_[side]) {
      if (!entry.second.is_gone) live.push_back(&entry);
    }
    return live.empty() ? nullptr : live[rng_.below(live.size())];
  }

  void write(std::size_t side) {
    auto* entry = any_stream(side);
    if (entry == nullptr || entry->second.is_finished) return;
    Model& stream = entry->second;
    const std::size_t size =
        std::min<std::size_t>(stream.room, rng_.below(20'000) >> rng_.below(12));
    pair_[side].write(entry->first, Buffer(model_bytes(side, entry->first, stream.written, size)));
    stream.room -= size;
    stream.written += size;
  }

  void end(std::size_t side) {
    auto* entry = any_stream(side);
    if (entry == nullptr) return;
    Model& stream = entry->second;
    switch (rng_.below(8)) {
      case 0:
        stream.was_cut = true;
        pair_[side].reset(entry->first, 7);
        break;
      case 1:
        stream.was_cut = true;
        stream.unconsumed = 0;
        pair_[side].stop_sending(entry->first, 8);
        break;
      default:
        stream.is_finished = true;
        pair_[side].finish(entry->first);
        break;
    }
    drain(side);
  }

  void send_message(std::size_t side) {
    const std::size_t size = 1 + (rng_.below(150'000) >> rng_.below(16));
    const std::uint64_t number = sizes_[side].size();
    MessageOptions options{.importance = static_cast<Importance>(rng_.below(4) * 300)};
    if (rng_.below(4) == 0) options.attempts = 1 + static_cast<std::uint32_t>(rng_.below(2));
    if (rng_.below(4) == 0) options.deadline = pair_.now + rng_.below(20) * 1ms;
    const auto sent = pair_[side].send_message(
        pair_.now, Buffer(model_bytes(side, number | 1U << 20, 0, size)), options);
    if (!sent) {
      EXPECT_EQ(sent.error().code, Code::limit);
      return;
    }
    EXPECT_EQ(*sent, number);
    sizes_[side][number] = size;
  }

  void send_datagram(std::size_t side) {
    const std::size_t size = rng_.below(1000);
    ASSERT_TRUE(pair_[side].send_datagram(Buffer(model_bytes(side, size, 0, size))));
  }

  bool consume(std::size_t side) {
    for (auto& [number, stream] : streams_[side]) {
      if (stream.unconsumed == 0 || (!is_ending_ && rng_.below(3) == 0)) continue;
      const std::size_t size = is_ending_ ? stream.unconsumed : 1 + rng_.below(stream.unconsumed);
      pair_[side].consume(pair_.now, number, size);
      stream.unconsumed -= size;
      return true;
    }
    return false;
  }

  bool consume_messages(std::size_t side) {
    if (held_[side].empty()) return false;
    const std::size_t at = rng_.below(held_[side].size());
    pair_[side].consume_message(held_[side][at]);
    held_[side].erase(held_[side].begin() + static_cast<std::ptrdiff_t>(at));
    return true;
  }

  void check_credit() {
    for (std::size_t side = 0; side < 2; ++side) {
      const Services::Held held = pair_[side].held();
      const Services::Held peer = pair_[1 - side].held();
      ASSERT_LE(held.sent, held.sent_limit);
      ASSERT_LE(held.sent_limit, std::max<std::uint64_t>(peer.received_limit, 1 << 16));
      ASSERT_LE(peer.received, held.sent);
      ASSERT_LE(held.returned, held.received);
    }
  }

  ServicesPair pair_;
  SeededRng rng_;
  CarrierFaults faults_;
  bool is_ending_ = false;
  std::map<StreamNumber, Model> streams_[2];
  std::map<MessageNumber, std::size_t> sizes_[2];  // sent by a side
  std::map<MessageNumber, bool> done_[2];
  std::set<MessageNumber> arrived_[2];
  std::vector<MessageNumber> held_[2];
};

/// Small enough that every limit is reached.
ServicesConfig model_config() {
  ServicesConfig config;
  config.stream_window_initial = 16 * 1024;
  config.stream_window_max = 64 * 1024;
  config.window_initial = 64 * 1024;
  config.window_max = 256 * 1024;
  config.streams_max = 6;
  config.stream_queue_bytes_max = 32 * 1024;
  config.messages_sent_max = 12;
  return config;
}

void run_model(std::uint64_t seed, const CarrierFaults& faults, ServicesConfig config) {
  SCOPED_TRACE(seed);
  ServicesModel model(config, seed, faults);
  for (int i = 0; i < 3000 && !::testing::Test::HasFailure(); ++i) model.step();
  model.end_all();
  model.check_end();
  EXPECT_GT(model.bytes_heard, 10'000U);
  EXPECT_GT(model.messages_heard, 10U);
  EXPECT_GT(model.streams_opened, 10U);
}

TEST(ServicesModel, WithoutLossAllArrivesOnce) {
  for (std::uint64_t seed = 0; seed < 6; ++seed) run_model(seed, {}, model_config());
}

TEST(ServicesModel, LossAndLostAcknowledgementsChangeNothing) {
  for (std::uint64_t seed = 100; seed < 106; ++seed) {
    run_model(seed, {.lost = 100, .late_acks = 50}, model_config());
  }
}

TEST(ServicesModel, NorDoMixingAndRepetition) {
  for (std::uint64_t seed = 200; seed < 206; ++seed) {
    run_model(seed, {.mixed = 500, .repeated = 200}, model_config());
  }
}

TEST(ServicesModel, NorAllAtOnceWithCompression) {
  ServicesConfig config = model_config();
  config.compresses = true;
  for (std::uint64_t seed = 300; seed < 306; ++seed) {
    run_model(seed, {.lost = 300, .mixed = 500, .repeated = 100, .late_acks = 100}, config);
  }
}

}  // namespace
}  // namespace kith::packet
