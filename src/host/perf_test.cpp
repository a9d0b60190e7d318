#include "host/perf.h"

#include <gtest/gtest.h>

#include "host/test_service.h"

namespace kith::host {
namespace {

const PeerId peer = test_peer(1);

struct PerfBench : ServiceBench<Perf> {
  PerfBench() : ServiceBench(true) {}
  /// A measurement under way on stream 10, with `room` bytes to write.
  void start(std::uint64_t upload, std::uint64_t download, std::size_t room = 1 << 20) {
    service.start(Token{1}, peer, upload, download);
    stream_up(10, peer, Direction::outbound, perf_protocol, take<Open>().at(0).token, room);
  }
  std::size_t written() {
    std::size_t size = 0;
    for (const auto& write : take<Write>()) size += write.data.size();
    return size;
  }
};

TEST(Perf, AClientSendsTheSizeThenUploads) {
  PerfBench bench;
  bench.start(5, 0x0102030405060708);
  const auto writes = bench.take<Write>();
  ASSERT_EQ(writes.size(), 2U);
  EXPECT_EQ(base::to_hex(writes[0].data.view()), "0102030405060708");
  EXPECT_EQ(writes[1].data.size(), 5U);
  EXPECT_EQ(bench.take<Finish>().size(), 1U);
}

TEST(Perf, AMeasurementInWhichNothingMovesFails) {
  PerfBench bench;
  bench.start(0, 100);
  bench.wait(Perf::stall_max - 1s);
  bench.data(10, Bytes(1));
  bench.wait(Perf::stall_max - 1s);
  EXPECT_FALSE(bench.service.poll_result().has_value()) << "a byte came";
  bench.wait(1s);
  const auto result = bench.service.poll_result();
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->error->code, Code::timeout);
  EXPECT_EQ(bench.take<Reset>().size(), 1U);
  EXPECT_FALSE(bench.service.next_deadline().has_value());
}

TEST(Perf, ACancelledMeasurementEndsInSilence) {
  PerfBench bench;
  bench.start(0, 100);
  bench.service.cancel(Token{1});
  EXPECT_EQ(bench.take<Reset>().size(), 1U);
  bench.down(10);
  EXPECT_FALSE(bench.service.poll_result().has_value());
  bench.service.cancel(Token{1});
  bench.service.start(Token{2}, peer, 0, 1);
  const auto opens = bench.take<Open>();
  bench.service.cancel(Token{2});
  bench.stream_up(12, peer, Direction::outbound, perf_protocol, opens.at(0).token);
  EXPECT_EQ(bench.take<Reset>().size(), 1U) << "it was not up yet";
}

TEST(Perf, BothWaysAreTimed) {
  PerfBench bench;
  bench.start(1000, 10);
  bench.now += 100ms;
  bench.data(10, Bytes(4));
  bench.now += 50ms;
  bench.data(10, Bytes(6));
  bench.end(10);
  const auto result = bench.service.poll_result();
  ASSERT_TRUE(result.has_value());
  EXPECT_FALSE(result->error.has_value());
  EXPECT_EQ(result->upload_time, 100ms);
  EXPECT_EQ(result->download_time, 50ms);
}

TEST(Perf, AnUploadGoesByTheRoomThereIs) {
  PerfBench bench;
  bench.start(1000, 0, 108);
  EXPECT_EQ(bench.written(), 108U);
  EXPECT_TRUE(bench.take<Finish>().empty());
  bench.hear(StreamRoom{StreamId{10}, 500});
  EXPECT_EQ(bench.written(), 500U);
  bench.hear(StreamRoom{StreamId{10}, 5000});
  EXPECT_EQ(bench.written(), 400U);
  EXPECT_EQ(bench.take<Finish>().size(), 1U);
}

TEST(Perf, AServerThatSendsFewerOrMoreIsAnErrorAndTheStreamIsReset) {
  for (const std::size_t size : {0U, 9U, 11U}) {
    PerfBench bench;
    bench.start(10, 10);
    if (size > 0) bench.data(10, Bytes(size));
    if (size < 10) bench.end(10);
    const auto result = bench.service.poll_result();
    ASSERT_TRUE(result.has_value()) << size;
    ASSERT_TRUE(result->error.has_value()) << size;
    EXPECT_EQ(result->error->code, Code::protocol);
    EXPECT_EQ(bench.take<Reset>().size(), 1U);
    bench.data(10, Bytes(5));
    bench.down(10, Error{Code::canceled, "reset by this side"});
    EXPECT_FALSE(bench.service.poll_result().has_value()) << "told once";
  }
}

TEST(Perf, AServerThatEndsBeforeTheUploadLeavesNoStreamBehind) {
  PerfBench bench;
  bench.start(1000, 0, 100);
  bench.end(10);
  EXPECT_TRUE(bench.service.poll_result()->error.has_value());
  EXPECT_EQ(bench.take<Reset>().size(), 1U);
}

TEST(Perf, AServerSendsAsManyAsAsked) {
  PerfBench bench;
  bench.stream_up(11, peer, Direction::inbound, perf_protocol, std::nullopt, 600'000);
  const std::uint8_t million[] = {0, 0, 0, 0, 0, 0x0f, 0x42, 0x40};
  for (const std::uint8_t& byte : million) bench.data(11, {&byte, 1});
  bench.data(11, Bytes(777));
  EXPECT_EQ(bench.written(), 0U) << "not before the upload's end";
  bench.end(11);
  EXPECT_EQ(bench.written(), 600'000U);
  EXPECT_TRUE(bench.take<Finish>().empty());
  bench.hear(StreamRoom{StreamId{11}, 600'000});
  EXPECT_EQ(bench.written(), 400'000U);
  EXPECT_EQ(bench.take<Finish>().size(), 1U);
}

TEST(Perf, AnEndWithoutTheWholeSizeIsReset) {
  PerfBench bench;
  bench.stream_up(11, peer, Direction::inbound, perf_protocol);
  bench.data(11, Bytes(7));
  bench.end(11);
  EXPECT_EQ(bench.take<Reset>().size(), 1U);
}

TEST(Perf, AStreamThatCannotOpenIsToldAsTheResult) {
  PerfBench bench;
  bench.service.start(Token{1}, peer, 1, 1);
  bench.hear(StreamOpenFailed{bench.take<Open>().at(0).token, peer, {Code::closed, "gone"}});
  EXPECT_EQ(bench.service.poll_result()->error->code, Code::closed);
}

TEST(Perf, ServingIsOffUnlessAskedFor) {
  EXPECT_TRUE(Perf(false).protocols().empty());
  EXPECT_EQ(Perf(true).protocols().size(), 1U);
}

}  // namespace
}  // namespace kith::host
