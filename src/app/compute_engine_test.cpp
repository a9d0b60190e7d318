// A whole node in the real world that works for a job: threads, journals, a chain on disk. It is
// alone, so nobody checks what it does; whole lives of tasks are in node/node_work_test.cpp.
#include "app/compute_engine.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <atomic>
#include <filesystem>
#include <future>
#include <limits>
#include <thread>

#include "app/engine.h"
#include "codec/chain_job_check.h"
#include "codec/test_chain.h"
#include "compute/workload_collatz.h"
#include "compute/workload_goldbach.h"
#include "ledger/accounts.h"
#include "node/chain_index.h"

namespace kith::app {
namespace {

using codec::test::Identity;
using codec::test::identity;
using codec::test::Ordering;
using Clock = std::chrono::steady_clock;

constexpr std::uint32_t rich = 1;
constexpr std::uint32_t validator = 2;
constexpr std::uint32_t carrier = 3;
constexpr std::uint32_t submitter = 4;
constexpr std::uint32_t owner = 5;
constexpr std::uint32_t worker = 6;

class ComputeEngineTest : public testing::Test {
 protected:
  ComputeEngineTest() {
    std::string name = (std::filesystem::temp_directory_path() / "kith-work-XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    genesis_.network = "test";
    genesis_.time_ms = 1'700'000'000'000;
    genesis_.params.block_interval_ms = 100;
    genesis_.params.epoch_blocks = 50;
    genesis_.params.jail_threshold = 0;
    codec::ComputeParams compute;
    compute.draw_gap = 2;
    compute.min_bond = 16;
    compute.account_bond = 10;
    genesis_.params.compute = compute;
    codec::GenesisValidator self;
    self.key = identity(validator).key;
    self.owner = identity(validator).lock;
    self.stake = 1'000 * codec::units_per_coin;
    genesis_.validators.push_back(self);
    for (const std::uint32_t key : {rich, carrier}) {
      genesis_.outputs.push_back({0, 0, 100 * codec::units_per_coin, identity(key).lock});
    }
    hash_ = codec::genesis_hash(genesis_);
  }
  ~ComputeEngineTest() override {
    stop();
    std::filesystem::remove_all(folder_);
  }

  void start() {
    node::ComputeSettings settings;
    settings.is_enabled = true;
    settings.threads = 2;
    settings.device = device_;
    EngineConfig config;
    config.node.host.listen = {};
    config.node.host.peers_min = 0;
    config.chain_dir = folder_ + "/chain";
    config.genesis = genesis_;
    config.validator_key = Identity::make(validator);
    ComputeConfig compute{settings, folder_ + "/compute", Identity::make(worker),
                          Identity::make(carrier)};
    compute.open_gpu = open_gpu_;
    config.compute = std::move(compute);
    auto engine = Engine::make(std::move(config), Identity::make(99), base::null_log());
    ASSERT_TRUE(engine.has_value()) << engine.error().message;
    engine_ = *std::move(engine);
    thread_ = std::thread([this] { engine_->run(); });
  }
  void stop() {
    if (engine_ == nullptr) return;
    engine_->stop();
    thread_.join();
    engine_.reset();
  }

  template <class T>
  T ask(const std::function<T(node::Node&)>& question) {
    auto answer = std::make_shared<std::promise<T>>();
    auto future = answer->get_future();
    engine_->reactor().post(
        [this, answer, question] { answer->set_value(question(engine_->node())); });
    return future.get();
  }
  ledger::Entries entries() {
    return ask<ledger::Entries>(
        [](node::Node& n) { return n.chain()->states().tip()->registry().by_kind(); });
  }
  node::WorkerStats stats() {
    return ask<node::WorkerStats>([](node::Node& n) { return n.worker()->stats(); });
  }
  static bool wait_for(const std::function<bool()>& holds) {
    for (const auto end = Clock::now() + std::chrono::minutes(2); Clock::now() < end;) {
      if (holds()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    return false;
  }

  /// Submits it, and waits until the state has what it does.
  void order(const Ordering& what, codec::Amount taken,
             const std::function<bool(const ledger::Entries&)>& is_done) {
    constexpr codec::Amount fee = 100'000;
    left_ -= taken + fee;
    const auto tx =
        codec::seal(codec::test::payment({{coins_, rich}}, {{rich, left_}}, fee, hash_, {what}));
    coins_ = {tx->txid, 0};
    ask<bool>([this, tx](node::Node& n) {
      n.on_command(engine_->reactor().turn_now(), node::SubmitTransaction{Token{7}, tx});
      return true;
    });
    ASSERT_TRUE(wait_for([&] { return is_done(entries()); }));
  }
  codec::AccountId account(std::uint32_t key) const {
    return codec::account_id(hash_, identity(key).key);
  }

  /// Two accounts, and the worker's key; `device_class`: what its account says that it is.
  void open_accounts(std::uint8_t device_class) {
    coins_ = ask<codec::OutPoint>([](node::Node& n) {
      return node::read_owned(n.chain()->states().store(), identity(rich).lock, {}, 1)
          .value()
          .at(0);
    });
    for (const std::uint32_t key : {submitter, owner}) {
      order({codec::OpenAccount{identity(key).lock, 1'000'000, {}}, key}, 1'000'000,
            [&](const auto& now) { return ledger::find_account(now, account(key)).has_value(); });
    }
    codec::AddWorker add{account(owner), identity(worker).key, device_class, {}};
    add.proof = identity(worker).pair.sign(codec::add_worker_message(hash_, add, coins_));
    order({add, owner}, 0, [&](const auto& now) {
      return ledger::find_worker(now, identity(worker).key).has_value();
    });
  }
  static codec::JobSpec small_spec() {
    codec::JobSpec spec;
    spec.tasks = 8;
    spec.units = 4;
    spec.region_tasks = 4;
    spec.round_blocks = 16;
    spec.lease_rounds = 4;
    spec.checked_min = 4;
    spec.eps_ppm = 100'000;
    spec.passes = 1;
    spec.price = 4'000;
    spec.price2 = 4'000;
    spec.bond = 16'000;
    return spec;
  }
  void submit(const codec::JobSpec& spec) {
    order({codec::SubmitJob{account(submitter), spec, 200'000}, submitter}, 200'000,
          [&](const auto& now) { return ledger::find_job(now, job).has_value(); });
  }
  /// The one task that it has committed to, once it has.
  std::optional<codec::PendingTask> committed() {
    const auto key = ledger::find_enrolment(entries(), job, identity(worker).key);
    if (!key) return std::nullopt;
    const auto slot = ledger::find_slot(entries(), job, key->slots.at(0));
    if (!slot || slot->pending.size() != 1) return std::nullopt;
    return slot->pending[0];
  }

  static constexpr codec::JobId job{1};
  std::string device_ = "cpu";
  rt::GpuOpener open_gpu_ = rt::open_gpu;
  std::string folder_;
  codec::Genesis genesis_;
  codec::Hash hash_{};
  codec::OutPoint coins_;
  codec::Amount left_ = 100 * codec::units_per_coin;
  std::unique_ptr<Engine> engine_;
  std::thread thread_;
};

TEST_F(ComputeEngineTest, WorksForAJobAndHasWhatItDidAfterARestart) {
  start();
  open_accounts(1);
  compute::GoldbachParams params;
  params.first = 1'000;
  params.units = 4;
  params.slices = 2;
  params.unit_numbers = 8;
  params.numbers = 4 * 8 * 8;
  codec::JobSpec spec = small_spec();
  spec.workload = 2;
  spec.params = compute::encode_params(params);
  spec.slices = 2;
  submit(spec);

  EXPECT_TRUE(wait_for([&] { return committed().has_value(); }))
      << "enrolled, leased, computed and committed to";
  EXPECT_EQ(stats().slices, 8u);
  EXPECT_EQ(stats().tasks, 1u);
  EXPECT_EQ(engine_->compute()->pause(), compute::WorkPause::none);
  stop();
  start();
  EXPECT_TRUE(wait_for([&] { return stats().statements > 0; })) << "it says that it is there";
  EXPECT_EQ(stats().slices, 0u) << "nothing is computed again";
  EXPECT_FALSE(ask<bool>([](node::Node& n) { return n.worker()->is_damaged(); }));
}

/// A device that falls off the bus after so many launches, counted over all that are open.
class UnpluggedDevice final : public compute::collatz::GpuDevice {
 public:
  UnpluggedDevice(std::unique_ptr<GpuDevice> inner, std::atomic<int>& launches_left)
      : inner_(std::move(inner)), launches_left_(launches_left) {}
  std::string_view name() const override { return inner_->name(); }
  Result<void> build(const compute::collatz::GpuShape& shape,
                     const std::array<std::size_t, compute::collatz::gpu_buffers>& bytes) override {
    return inner_->build(shape, bytes);
  }
  Result<void> write(compute::collatz::GpuBuffer buffer, ByteView bytes) override {
    return inner_->write(buffer, bytes);
  }
  Result<void> clear(compute::collatz::GpuBuffer buffer, std::size_t bytes) override {
    return inner_->clear(buffer, bytes);
  }
  Result<void> launch(compute::collatz::GpuEntry entry) override {
    if (launches_left_.fetch_sub(1) <= 0) return fail(Code::io, "the device was unplugged");
    return inner_->launch(entry);
  }
  Result<void> read(compute::collatz::GpuBuffer buffer, ByteSpan to) override {
    return inner_->read(buffer, to);
  }

 private:
  const std::unique_ptr<GpuDevice> inner_;
  std::atomic<int>& launches_left_;
};

/// U of the job's first task, as the plainest kernel has it.
codec::Hash root_of_first_task(const Bytes& params) {
  struct Goes final : compute::Progress {
    bool go_on(std::uint64_t, std::uint64_t) override { return true; }
  } goes;
  const compute::CollatzWorkload workload(compute::collatz::KernelKind::scalar);
  const compute::TaskShape shape = workload.shape(params).value();
  std::vector<codec::Hash> roots;
  for (std::uint32_t unit = 0; unit < shape.units; ++unit) {
    const Bytes bytes = workload.unit_of(params, {0}, unit).value();
    std::vector<codec::Hash> digests;
    for (std::uint32_t i = 0; i < shape.slices; ++i) {
      digests.push_back(workload.digest(bytes, i, workload.run(bytes, i, goes).value()));
    }
    roots.push_back(compute::unit_root(digests));
  }
  return compute::task_root(roots);
}

// By OpenCL on the processor: half of the task by the device, the rest by whoever takes over. The
// root that is committed to is everybody's.
TEST_F(ComputeEngineTest, AGpuWorksForAJobAndNoSliceIsLostWithIt) {
  if (!rt::list_gpus(rt::GpuApi::opencl)) {
    GTEST_SKIP() << "OpenCL is not here (pocl-opencl-icd): a GPU that is lost is not tested";
  }
  std::atomic<int> launches_left = std::numeric_limits<int>::max();
  device_ = "opencl";
  open_gpu_ = [&](const rt::GpuInfo& info) -> Result<std::unique_ptr<compute::collatz::GpuDevice>> {
    auto device = TRY(rt::open_gpu(info));
    return std::make_unique<UnpluggedDevice>(std::move(device), launches_left);
  };
  start();
  EXPECT_TRUE(engine_->compute()->device().starts_with("opencl:0 "));
  launches_left = 40;  // its start and its self-test are behind it
  open_accounts(1);
  const compute::CollatzParams params{{16, 16, 2, 0, 1 << 20, 128, {}}, 64, 8};
  codec::JobSpec spec = small_spec();
  spec.workload = 1;
  spec.params = compute::encode_params(params);
  spec.units = 64;
  spec.slices = 4;
  spec.lease_rounds = 64;  // on a machine that is busy with other things
  submit(spec);
  std::optional<codec::PendingTask> task;
  ASSERT_TRUE(wait_for([&] { return (task = committed()).has_value(); }));
  EXPECT_LT(launches_left.load(), 0) << "the device was lost on the way";
  EXPECT_EQ(task->task.value, 0u);
  EXPECT_EQ(stats().slices, 256u);
  EXPECT_EQ(stats().slices_failed, 0u);
  const auto key = ledger::find_enrolment(entries(), job, identity(worker).key);
  const codec::TaskName name{hash_, job, task->task, 1};
  EXPECT_EQ(task->commit, codec::task_commitment(name, key->slots.at(0), identity(worker).key,
                                                 root_of_first_task(spec.params)));
  // Its account has named it as a processor; it began as something else.
  const auto trouble =
      ask<std::string>([](node::Node& n) { return n.worker()->jobs()[0].trouble; });
  EXPECT_NE(trouble.find("device class 1, and it computes with class 3"), std::string::npos)
      << trouble;
}

TEST_F(ComputeEngineTest, AChainWithoutJobsIsNoneToWorkFor) {
  genesis_.params.compute.reset();
  EngineConfig config;
  config.chain_dir = folder_ + "/chain";
  config.genesis = genesis_;
  config.compute = ComputeConfig{{}, folder_ + "/compute", Identity::make(worker), {}};
  const auto refused = Engine::make(std::move(config), Identity::make(99), base::null_log());
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Code::config);
}

}  // namespace
}  // namespace kith::app
