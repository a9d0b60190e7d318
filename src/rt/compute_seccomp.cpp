#include "rt/compute_seccomp.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>

namespace kith::rt {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t native_arch = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t native_arch = AUDIT_ARCH_AARCH64;
#else
constexpr std::uint32_t native_arch = 0;
#endif
/// x32 calls have the same architecture and other numbers.
constexpr std::uint32_t x32_bit = 0x40000000;

/// End the process: nobody needs these to compute.
constexpr int killed[] = {
    SYS_socket,
    SYS_socketpair,
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_kcmp,
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_unshare,
    SYS_setns,
    SYS_execve,
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_keyctl,
    SYS_add_key,
    SYS_request_key,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_kexec_load,
    SYS_reboot,
    SYS_swapon,
    SYS_swapoff,
    SYS_acct,
    SYS_quotactl,
    SYS_open_by_handle_at,
    SYS_name_to_handle_at,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_adjtimex,
    SYS_clock_adjtime,
    SYS_sethostname,
    SYS_setdomainname,
    SYS_fanotify_init,
    SYS_io_uring_setup,
    SYS_io_uring_enter,
    SYS_io_uring_register,
    SYS_pidfd_getfd,
    SYS_open_tree,
    SYS_move_mount,
    SYS_fsopen,
    SYS_fsconfig,
    SYS_fsmount,
    SYS_fspick,
    SYS_mount_setattr,
#ifdef SYS_kexec_file_load
    SYS_kexec_file_load,
#endif
#ifdef SYS_iopl
    SYS_iopl,
    SYS_ioperm,
    SYS_modify_ldt,
#endif
};

/// Fail with EPERM: memory and queues that limits of processes do not count, and what a runtime may
/// try in passing.
constexpr int refused[] = {
    SYS_memfd_create, SYS_shmget, SYS_msgget, SYS_semget, SYS_mq_open, SYS_personality, SYS_syslog,
#ifdef SYS_memfd_secret
    SYS_memfd_secret,
#endif
};

constexpr std::uint32_t new_namespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS |
                                         CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;

sock_filter statement(unsigned code, std::uint32_t value) {
  return {static_cast<std::uint16_t>(code), 0, 0, value};
}
/// Goes on by `yes` or `no` statements.
sock_filter jump(unsigned code, std::uint32_t value, std::uint8_t yes, std::uint8_t no) {
  return {static_cast<std::uint16_t>(BPF_JMP | code | BPF_K), yes, no, value};
}
sock_filter load(std::size_t offset) {
  return statement(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset));
}
sock_filter end(std::uint32_t action) { return statement(BPF_RET | BPF_K, action); }

/// The low half of an argument; both supported processors are little-endian.
sock_filter load_argument(std::size_t index) {
  return load(offsetof(seccomp_data, args) + index * sizeof(std::uint64_t));
}

}  // namespace

std::vector<sock_filter> worker_filter(int exec_fd) {
  std::vector<sock_filter> filter;
  if (native_arch == 0) return filter;
  const auto add = [&](std::initializer_list<sock_filter> more) {
    filter.insert(filter.end(), more);
  };
  add({load(offsetof(seccomp_data, arch)), jump(BPF_JEQ, native_arch, 1, 0),
       end(SECCOMP_RET_KILL_PROCESS), load(offsetof(seccomp_data, nr)),
       jump(BPF_JGE, x32_bit, 0, 1), end(SECCOMP_RET_KILL_PROCESS)});
  const auto on = [&](int call, std::uint32_t action) {
    add({jump(BPF_JEQ, static_cast<std::uint32_t>(call), 0, 1), end(action)});
  };
  for (const int call : killed) on(call, SECCOMP_RET_KILL_PROCESS);
  for (const int call : refused) on(call, SECCOMP_RET_ERRNO | EPERM);
  // Its flags are in memory, which a filter cannot see: libraries fall back to clone().
  on(SYS_clone3, SECCOMP_RET_ERRNO | ENOSYS);
  add({jump(BPF_JEQ, SYS_clone, 0, 3), load_argument(0), jump(BPF_JSET, new_namespaces, 0, 1),
       end(SECCOMP_RET_KILL_PROCESS), load(offsetof(seccomp_data, nr))});
  add({jump(BPF_JEQ, SYS_execveat, 0, 5), load_argument(0),
       jump(BPF_JEQ, static_cast<std::uint32_t>(exec_fd), 0, 2), load_argument(4),
       jump(BPF_JEQ, AT_EMPTY_PATH, 1, 0), end(SECCOMP_RET_KILL_PROCESS), end(SECCOMP_RET_ALLOW)});
  return filter;
}

}  // namespace kith::rt
