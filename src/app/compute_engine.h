// A node's computing in the real world: its worker and carrier (node/worker.h, node/carrier.h), the
// threads that compute, GPUs among them, and the journal. Reads what compute.* of the configuration
// says. A GPU that is lost is replaced by the processor, and no slice is.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "codec/chain_params.h"
#include "crypto/key.h"
#include "node/config.h"
#include "rt/compute_external.h"
#include "rt/compute_kernels.h"
#include "rt/compute_slices.h"
#include "rt/reactor.h"
#include "rt/rng_system.h"
#include "rt/worker_disk.h"

namespace kith::app {

struct ComputeConfig {
  node::ComputeSettings settings;  // paths are absolute
  std::string folder;              // of journals; made if need be
  crypto::KeyPair worker_key;
  std::optional<crypto::KeyPair> carrier_key;  // none: nobody here pays
  // For tests: devices that are lost, and OpenCL on the processor in the place of a GPU.
  rt::GpuOpener open_gpu = rt::open_gpu;
  bool counts_processors = false;
};

using ExternalPrograms = std::vector<decltype(rt::load_external(std::string()))::value_type>;

class ComputeEngine {
 public:
  /// Gives the node its worker; all outlive it. REQUIRES: the node keeps a chain and has not
  /// started. Errors: `config` on a chain without jobs; the kernel's, a program's, the disk's.
  static Result<std::unique_ptr<ComputeEngine>> make(ComputeConfig config,
                                                     const codec::Genesis& genesis,
                                                     node::Node& node, rt::Reactor& reactor,
                                                     Log& log);

  /// Does what the node's worker asks for: after each turn, on the reactor's thread.
  void after_turn();
  compute::WorkPause pause() const { return slices_->pause(); }
  /// "cpu/avx512-mul", "cuda:0 NVIDIA H100 + cpu/avx512-mul": as it began.
  const std::string& device() const { return device_; }

 private:
  ComputeEngine(ComputeConfig config, node::Node& node, rt::Reactor& reactor);
  Result<void> begin(const codec::Genesis& genesis, Log& log);
  Result<rt::ComputeTeam> choose_team(Log& log);
  void replace_lost();

  const ComputeConfig config_;
  node::Node& node_;
  rt::Reactor& reactor_;
  std::atomic<bool> is_paused_ = false;
  ExternalPrograms programs_;
  unsigned threads_ = 1;   // of the processor, when it works alone
  std::size_t hands_ = 0;  // threads of the pool
  std::string device_;
  compute::collatz::KernelKind processor_ = compute::collatz::KernelKind::scalar;
  rt::SystemRng said_rng_;  // of the thread that writes what is said
  // Their threads post to the reactor.
  std::unique_ptr<rt::WorkerDisk> disk_;
  std::unique_ptr<rt::SlicePool> slices_;
};

}  // namespace kith::app
