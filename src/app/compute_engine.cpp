#include "app/compute_engine.h"

#include <algorithm>
#include <charconv>
#include <thread>

#include "base/format.h"
#include "compute/workload_collatz.h"
#include "compute/workload_external.h"
#include "compute/workload_goldbach.h"

namespace kith::app {
namespace {

using compute::Workload;
using compute::WorkloadId;

/// Asked for at once: one that is computed and one that waits for each thread; of a GPU a unit of
/// each, for it takes a whole one at a time.
constexpr std::size_t slices_of_thread = 2;
constexpr std::size_t slices_of_gpu = 2 * std::size_t{codec::job_slices_max};

/// What this machine can compute, by number and parameters. `kernel`: of Collatz.
Result<std::unique_ptr<Workload>> make_workload(std::shared_ptr<compute::collatz::Kernel> kernel,
                                                const ExternalPrograms& programs,
                                                std::uint8_t workload, ByteView params) {
  if (workload == static_cast<std::uint8_t>(WorkloadId::collatz)) {
    return std::make_unique<compute::CollatzWorkload>(std::move(kernel));
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

/// By the processor's kernel.
rt::SlicePool::MakeWorkload of_processor(compute::collatz::KernelKind kind,
                                         const ExternalPrograms& programs) {
  return [kind, programs](std::uint8_t workload, ByteView params) {
    return make_workload(compute::collatz::make_kernel(kind), programs, workload, params);
  };
}

/// By a kernel that belongs to one thread.
rt::SlicePool::MakeWorkload of_kernel(std::unique_ptr<compute::collatz::Kernel> kernel,
                                      const ExternalPrograms& programs) {
  return [kernel = std::shared_ptr<compute::collatz::Kernel>(std::move(kernel)), programs](
             std::uint8_t workload, ByteView params) {
    return make_workload(kernel, programs, workload, params);
  };
}

/// As codec::WorkerEntry has it: of what does most of the work.
std::uint8_t class_of(const rt::ComputeTeam& team) {
  constexpr std::uint8_t cpu = 1, nvidia = 2, other_gpu = 3;
  if (std::ranges::none_of(team.workers, &rt::ComputeWorker::is_gpu)) return cpu;
  const bool is_nvidia =
      team.name.starts_with("cuda") || team.name.find("NVIDIA") != team.name.npos;
  return is_nvidia ? nvidia : other_gpu;
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
  for (const std::string& path : config_.settings.programs) {
    programs_.push_back(TRY(rt::load_external(path)));
  }
  threads_ = config_.settings.threads > 0 ? config_.settings.threads
                                          : std::max(1u, std::thread::hardware_concurrency());
  rt::ComputeTeam team = TRY(choose_team(log));
  const std::uint8_t device_class = class_of(team);
  device_ = team.name;
  disk_ = TRY(rt::WorkerDisk::open(config_.folder + "/said", said_rng_, log));
  rt::SlicePool::Options options;
  std::size_t in_flight = 0;
  for (rt::ComputeWorker& hand : team.workers) {
    in_flight += hand.is_gpu ? slices_of_gpu : slices_of_thread;
    options.hands.push_back({of_kernel(std::move(hand.kernel), programs_), hand.is_gpu});
  }
  hands_ = options.hands.size();
  options.folder = config_.folder + "/slices";
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
  options.named = [this](Token token, Result<std::vector<compute::Find>> finds) {
    auto shared = std::make_shared<Result<std::vector<compute::Find>>>(std::move(finds));
    reactor_.post([this, token, shared] { node_.on_named(reactor_.turn_now(), token, *shared); });
  };
  slices_ = TRY(rt::SlicePool::make(std::move(options), log));

  node::WorkerConfig worker;
  worker.genesis = codec::genesis_hash(genesis);
  worker.params = *genesis.params.compute;
  worker.make_workload = of_processor(processor_, programs_);
  worker.jobs = jobs_of(config_.settings.jobs);
  worker.slots = config_.settings.slots;
  worker.in_flight_max = in_flight;
  worker.device_class = device_class;
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
  log.info("compute", "working as {} with {} threads, {} ({})", base::to_hex(machine->key()),
           hands_, device_, carrier ? "its fees are paid here" : "nobody here pays its fees");
  node_.begin_work(std::move(machine), std::move(carrier));
  return {};
}

Result<rt::ComputeTeam> ComputeEngine::choose_team(Log& log) {
  rt::TeamOptions options;
  options.device = config_.settings.device;
  options.threads = threads_;
  options.is_large = true;  // jobs are: worth the seconds of a look for GPUs
  options.open = config_.open_gpu;
  options.counts_processors = config_.counts_processors;
  // On the thread of the GPU, which goes on with the processor's kernel.
  options.on_loss = [this, &log](const Error& error) {
    log.error("compute", "lost: {}; the processor goes on", error.message);
    reactor_.post([this] { replace_lost(); });
  };
  rt::ComputeTeam team = TRY(rt::choose_team(options));
  for (const std::string& note : team.notes) log.warn("compute", "{}", note);
  processor_ = team.processor;
  return team;
}

/// The whole processor works in the place of a GPU.
void ComputeEngine::replace_lost() {
  for (; hands_ < threads_; ++hands_) {
    slices_->add({of_processor(processor_, programs_), false});
  }
}

void ComputeEngine::after_turn() {
  is_paused_ = node_.worker()->is_paused();
  std::vector<node::ComputeSlice> slices;
  while (auto asked = node_.poll_work()) {
    std::visit(
        Overload{[&](node::ComputeSlice& slice) { slices.push_back(std::move(slice)); },
                 [&](node::NameFinds& finds) { slices_->name(std::move(finds)); },
                 [&](const node::ForgetTask& task) { slices_->forget(task); },
                 [&](node::KeepRecords& keep) {
                   disk_->keep(std::move(keep), [this](Token token) {
                     reactor_.post([this, token] { node_.on_kept(reactor_.turn_now(), token); });
                   });
                 }},
        *asked);
  }
  if (!slices.empty()) slices_->compute(std::move(slices));
}

}  // namespace kith::app
