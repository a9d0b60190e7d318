#include "app/compute_engine.h"

#include <charconv>
#include <thread>

#include "base/format.h"
#include "compute/workload_collatz.h"
#include "compute/workload_external.h"
#include "compute/workload_goldbach.h"
#include "rt/compute_external.h"
#include "rt/compute_kernels.h"

namespace kith::app {
namespace {

using compute::Workload;
using compute::WorkloadId;
using Programs = std::vector<decltype(rt::load_external(std::string()))::value_type>;

/// What this machine can compute, by number and parameters.
Result<std::unique_ptr<Workload>> make_workload(compute::collatz::KernelKind kernel,
                                                const Programs& programs, std::uint8_t workload,
                                                ByteView params) {
  if (workload == static_cast<std::uint8_t>(WorkloadId::collatz)) {
    return std::make_unique<compute::CollatzWorkload>(kernel);
  }
  if (workload == static_cast<std::uint8_t>(WorkloadId::goldbach)) {
    return std::make_unique<compute::GoldbachWorkload>();
  }
  if (workload < static_cast<std::uint8_t>(WorkloadId::external)) {
    return fail(Code::unsupported, base::format("no workload {} is known here", workload));
  }
  const auto external = TRY(compute::decode_external_params(params));
  for (const auto& file : programs) {
    if (file->hash != external.program) continue;
    const auto program = std::make_shared<rt::ExternalProgram>(file, rt::ExternalConfig());
    return std::make_unique<compute::ExternalWorkload>(
        file->hash, [program](ByteView all, compute::TaskIndex task, std::uint32_t unit,
                              std::uint32_t slice, compute::Progress& progress) {
          return program->run(all, task, unit, slice, progress);
        });
  }
  return fail(Code::unsupported, base::format("the job's program {} is not among compute.programs",
                                              base::to_hex(external.program)));
}

std::vector<node::JobId> jobs_of(const std::vector<std::string>& numbers) {
  std::vector<node::JobId> jobs;
  for (const std::string& text : numbers) {
    std::uint64_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);  // checked with the rest
    jobs.push_back({number});
  }
  return jobs;
}

}  // namespace

ComputeEngine::ComputeEngine(ComputeConfig config, node::Node& node, rt::Reactor& reactor)
    : config_(std::move(config)), node_(node), reactor_(reactor) {}

Result<std::unique_ptr<ComputeEngine>> ComputeEngine::make(ComputeConfig config,
                                                           const codec::Genesis& genesis,
                                                           node::Node& node, rt::Reactor& reactor,
                                                           Log& log) {
  std::unique_ptr<ComputeEngine> engine(new ComputeEngine(std::move(config), node, reactor));
  TRY_VOID(engine->begin(genesis, log));
  return engine;
}

Result<void> ComputeEngine::begin(const codec::Genesis& genesis, Log& log) {
  if (!genesis.params.compute) {
    return fail(Code::config, "compute.enabled is set, and this chain knows no computing jobs");
  }
  const auto kernel = TRY(rt::choose_kernel(config_.settings.device));
  Programs programs;
  for (const std::string& path : config_.settings.programs) {
    programs.push_back(TRY(rt::load_external(path)));
  }
  const auto make = [kernel, programs](std::uint8_t workload, ByteView params) {
    return make_workload(kernel, programs, workload, params);
  };
  const unsigned threads = config_.settings.threads > 0
                               ? config_.settings.threads
                               : std::max(1u, std::thread::hardware_concurrency());
  disk_ = TRY(rt::WorkerDisk::open(config_.folder + "/said", said_rng_, log));
  rt::SlicePool::Options options;
  options.make_workload = make;
  options.folder = config_.folder + "/slices";
  options.threads = threads;
  options.rules = [this] {
    compute::WorkRules rules = config_.settings.rules;
    rules.is_paused = is_paused_.load();
    return rules;
  };
  options.done = [this](Token token, Result<compute::SliceResult> result) {
    auto shared = std::make_shared<Result<compute::SliceResult>>(std::move(result));
    reactor_.post(
        [this, token, shared] { node_.on_computed(reactor_.turn_now(), token, *shared); });
  };
  slices_ = TRY(rt::SlicePool::make(std::move(options), log));

  node::WorkerConfig worker;
  worker.genesis = codec::genesis_hash(genesis);
  worker.params = *genesis.params.compute;
  worker.make_workload = make;
  worker.jobs = jobs_of(config_.settings.jobs);
  worker.slots = config_.settings.slots;
  worker.in_flight_max = 2u * threads;
  auto machine = std::make_unique<node::Worker>(worker, config_.worker_key, disk_->take_records());
  if (machine->is_damaged()) {
    log.warn("compute", "{}/said has records that are none of this version", config_.folder);
  }
  std::unique_ptr<node::Carrier> carrier;
  if (config_.carrier_key) {
    carrier = std::make_unique<node::Carrier>(genesis.params, worker.genesis, *config_.carrier_key,
                                              &config_.worker_key);
    carrier->serve_others(config_.settings.carries_for_others);
  }
  log.info("compute", "working as {} with {} threads ({})", base::to_hex(machine->key()), threads,
           carrier ? "its fees are paid here" : "nobody here pays its fees");
  node_.begin_work(std::move(machine), std::move(carrier));
  return {};
}

void ComputeEngine::after_turn() {
  is_paused_ = node_.worker()->is_paused();
  while (auto asked = node_.poll_work()) {
    std::visit(
        Overload{[&](node::ComputeSlice& slice) { slices_->compute(std::move(slice)); },
                 [&](const node::ForgetTask& task) { slices_->forget(task); },
                 [&](node::KeepRecords& keep) {
                   disk_->keep(std::move(keep), [this](Token token) {
                     reactor_.post([this, token] { node_.on_kept(reactor_.turn_now(), token); });
                   });
                 }},
        *asked);
  }
}

}  // namespace kith::app
