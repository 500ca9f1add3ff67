/* SPDX-FileCopyrightText: The Thole authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The system calls that a program may make by default. What is missing answers EPERM, and a C library that tries clone3, io_uring or
 * others that are new is told that they do not exist, so that it takes the old way. Names that a kernel or a processor does not know are
 * passed over by the runtime.
 */
#include <string.h>

#include "thole-seccomp.h"

static const char *const files[] = {
  "access", "chdir", "chmod", "chown", "chown32", "chroot", "close", "close_range", "copy_file_range", "creat", "dup", "dup2", "dup3",
  "faccessat", "faccessat2", "fadvise64", "fadvise64_64", "fallocate", "fchdir", "fchmod", "fchmodat", "fchmodat2", "fchown",
  "fchown32", "fchownat", "fcntl", "fcntl64", "fdatasync", "fgetxattr", "flistxattr", "flock", "fremovexattr", "fsetxattr", "fstat",
  "fstat64", "fstatat64", "fstatfs", "fstatfs64", "fsync", "ftruncate", "ftruncate64", "futimesat", "getcwd", "getdents",
  "getdents64", "getxattr", "inotify_add_watch", "inotify_init", "inotify_init1", "inotify_rm_watch", "ioctl", "lchown", "lchown32",
  "lgetxattr", "link", "linkat", "listxattr", "llistxattr", "_llseek", "lremovexattr", "lseek", "lsetxattr", "lstat", "lstat64",
  "mkdir", "mkdirat", "mknod", "mknodat", "newfstatat", "open", "openat", "openat2", "pread64", "preadv", "preadv2", "pwrite64",
  "pwritev", "pwritev2", "read", "readahead", "readlink", "readlinkat", "readv", "removexattr", "rename", "renameat", "renameat2",
  "rmdir", "sendfile", "sendfile64", "setxattr", "splice", "stat", "stat64", "statfs", "statfs64", "statx", "symlink", "symlinkat",
  "sync", "sync_file_range", "sync_file_range2", "syncfs", "tee", "truncate", "truncate64", "umask", "unlink", "unlinkat", "utime",
  "utimensat", "utimensat_time64", "utimes", "vmsplice", "write", "writev", "fanotify_mark", "pipe", "pipe2", "memfd_create",
};
static const char *const memory[] = {
  "brk", "madvise", "membarrier", "mincore", "mlock", "mlock2", "mlockall", "mmap", "mmap2", "mprotect", "mremap", "msync", "munlock",
  "munlockall", "munmap", "pkey_alloc", "pkey_free", "pkey_mprotect", "remap_file_pages", "mseal", "map_shadow_stack",
};
static const char *const processes[] = {
  "capget", "capset", "execve", "execveat", "exit", "exit_group", "fork", "getcpu", "getegid", "getegid32", "geteuid", "geteuid32",
  "getgid", "getgid32", "getgroups", "getgroups32", "getpgid", "getpgrp", "getpid", "getppid", "getpriority", "getresgid",
  "getresgid32", "getresuid", "getresuid32", "getrlimit", "getrusage", "getsid", "gettid", "getuid", "getuid32", "kill",
  "pidfd_open", "pidfd_send_signal", "prctl", "prlimit64", "ptrace", "restart_syscall", "seccomp", "setfsgid", "setfsgid32",
  "setfsuid", "setfsuid32", "setgid", "setgid32", "setgroups", "setgroups32", "setpgid", "setpriority", "setregid", "setregid32",
  "setresgid", "setresgid32", "setresuid", "setresuid32", "setreuid", "setreuid32", "setrlimit", "setsid", "setuid", "setuid32",
  "sysinfo", "tgkill", "times", "tkill", "ugetrlimit", "uname", "vfork", "wait4", "waitid", "waitpid", "process_mrelease",
  "landlock_add_rule", "landlock_create_ruleset", "landlock_restrict_self", "arch_prctl", "set_tls", "cacheflush", "breakpoint",
  "riscv_flush_icache", "riscv_hwprobe", "swapcontext",
};
static const char *const threads[] = {
  "futex", "futex_time64", "futex_waitv", "futex_wait", "futex_wake", "futex_requeue", "get_robust_list", "get_thread_area", "rseq",
  "sched_get_priority_max", "sched_get_priority_min", "sched_getaffinity", "sched_getattr", "sched_getparam", "sched_getscheduler",
  "sched_rr_get_interval", "sched_rr_get_interval_time64", "sched_setaffinity", "sched_setattr", "sched_setparam",
  "sched_setscheduler", "sched_yield", "set_robust_list", "set_thread_area", "set_tid_address", "ioprio_get", "ioprio_set",
};
static const char *const signals[] = {
  "alarm", "eventfd", "eventfd2", "pause", "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigqueueinfo", "rt_sigreturn",
  "rt_sigsuspend", "rt_sigtimedwait", "rt_sigtimedwait_time64", "rt_tgsigqueueinfo", "sigaltstack", "signalfd", "signalfd4",
  "sigprocmask", "sigreturn",
};
static const char *const waits[] = {
  "epoll_create", "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2", "epoll_wait", "io_cancel", "io_destroy",
  "io_getevents", "io_pgetevents", "io_pgetevents_time64", "io_setup", "io_submit", "_newselect", "poll", "ppoll", "ppoll_time64",
  "pselect6", "pselect6_time64", "select",
};
static const char *const times[] = {
  "clock_getres", "clock_getres_time64", "clock_gettime", "clock_gettime64", "clock_nanosleep", "clock_nanosleep_time64", "getitimer",
  "gettimeofday", "nanosleep", "setitimer", "time", "timer_create", "timer_delete", "timer_getoverrun", "timer_gettime",
  "timer_gettime64", "timer_settime", "timer_settime64", "timerfd_create", "timerfd_gettime", "timerfd_gettime64", "timerfd_settime",
  "timerfd_settime64", "getrandom", "adjtimex", "clock_adjtime", "clock_adjtime64",
};
static const char *const peers[] = {
  "accept", "accept4", "bind", "connect", "getpeername", "getsockname", "getsockopt", "ipc", "listen", "mq_getsetattr", "mq_notify",
  "mq_open", "mq_timedreceive", "mq_timedreceive_time64", "mq_timedsend", "mq_timedsend_time64", "mq_unlink", "msgctl", "msgget",
  "msgrcv", "msgsnd", "recv", "recvfrom", "recvmmsg", "recvmmsg_time64", "recvmsg", "semctl", "semget", "semop", "semtimedop",
  "semtimedop_time64", "send", "sendmmsg", "sendmsg", "sendto", "setsockopt", "shmat", "shmctl", "shmdt", "shmget", "shutdown",
  "socketcall", "socketpair",
};

/* What a capability brings with it. */
static const struct
{
  const char *capability;
  const char *calls[24];
} grants[] = {
  { "SYS_ADMIN", { "bpf", "clone", "clone3", "fanotify_init", "fsconfig", "fsmount", "fsopen", "fspick", "lookup_dcookie", "mount",
                   "mount_setattr", "move_mount", "open_tree", "perf_event_open", "quotactl", "setdomainname", "sethostname", "setns",
                   "umount", "umount2", "unshare", "syslog" } },
  { "SYS_PTRACE", { "kcmp", "pidfd_getfd", "process_madvise", "process_vm_readv", "process_vm_writev" } },
  { "SYS_TIME", { "clock_settime", "clock_settime64", "settimeofday", "stime" } },
  { "SYS_MODULE", { "delete_module", "finit_module", "init_module" } },
  { "SYS_BOOT", { "reboot" } },
  { "SYS_RAWIO", { "iopl", "ioperm" } },
  { "SYS_NICE", { "get_mempolicy", "mbind", "set_mempolicy", "migrate_pages", "move_pages" } },
  { "SYS_PACCT", { "acct" } },
  { "SYS_TTY_CONFIG", { "vhangup" } },
  { "SYSLOG", { "syslog" } },
  { "DAC_READ_SEARCH", { "open_by_handle_at", "name_to_handle_at" } },
  { "BPF", { "bpf" } },
  { "PERFMON", { "perf_event_open" } },
};

/* CLONE_NEW*: other namespaces would open more of the kernel than a container needs */
#define NAMESPACE_FLAGS 0x7E020000

static void
allow (GString *out, const char *const *names, gsize n)
{
  g_string_append (out, ",{\"action\":\"SCMP_ACT_ALLOW\",\"names\":[");
  for (gsize i = 0; i < n && names[i] != NULL; i++)
    g_string_append_printf (out, "%s\"%s\"", i > 0 ? "," : "", names[i]);
  g_string_append (out, "]}");
}

static gboolean
has (const char *const *capabilities, const char *name)
{
  for (guint i = 0; capabilities != NULL && capabilities[i] != NULL; i++)
    {
      const char *word = g_ascii_strncasecmp (capabilities[i], "CAP_", 4) == 0 ? capabilities[i] + 4 : capabilities[i];

      if (g_ascii_strcasecmp (word, name) == 0 || g_ascii_strcasecmp (word, "ALL") == 0)
        return TRUE;
    }
  return FALSE;
}

char *
thole_seccomp_profile (const char *const *capabilities)
{
  GString *out = g_string_new ("{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":1");

#if defined(__x86_64__)
  g_string_append (out, ",\"architectures\":[\"SCMP_ARCH_X86_64\",\"SCMP_ARCH_X86\",\"SCMP_ARCH_X32\"]");
#elif defined(__aarch64__)
  g_string_append (out, ",\"architectures\":[\"SCMP_ARCH_AARCH64\",\"SCMP_ARCH_ARM\"]");
#endif
  g_string_append (out, ",\"syscalls\":[{\"names\":[\"personality\"],\"action\":\"SCMP_ACT_ALLOW\","
                        "\"args\":[{\"index\":0,\"value\":0,\"op\":\"SCMP_CMP_EQ\"}]},"
                        "{\"names\":[\"personality\"],\"action\":\"SCMP_ACT_ALLOW\","
                        "\"args\":[{\"index\":0,\"value\":4294967295,\"op\":\"SCMP_CMP_EQ\"}]},"
                        /* sockets of every kind but those that reach the hypervisor's other guests */
                        "{\"names\":[\"socket\"],\"action\":\"SCMP_ACT_ALLOW\","
                        "\"args\":[{\"index\":0,\"value\":40,\"op\":\"SCMP_CMP_NE\"}]}");
  if (!has (capabilities, "SYS_ADMIN"))
    g_string_append_printf (out, ",{\"names\":[\"clone\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,\"value\":%u,"
                                 "\"valueTwo\":0,\"op\":\"SCMP_CMP_MASKED_EQ\"}]},"
                                 "{\"names\":[\"clone3\",\"io_uring_setup\",\"io_uring_enter\",\"io_uring_register\"],"
                                 "\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":38}", NAMESPACE_FLAGS);
  allow (out, files, G_N_ELEMENTS (files));
  allow (out, memory, G_N_ELEMENTS (memory));
  allow (out, processes, G_N_ELEMENTS (processes));
  allow (out, threads, G_N_ELEMENTS (threads));
  allow (out, signals, G_N_ELEMENTS (signals));
  allow (out, waits, G_N_ELEMENTS (waits));
  allow (out, times, G_N_ELEMENTS (times));
  allow (out, peers, G_N_ELEMENTS (peers));
  for (guint i = 0; i < G_N_ELEMENTS (grants); i++)
    if (has (capabilities, grants[i].capability))
      allow (out, grants[i].calls, G_N_ELEMENTS (grants[i].calls));
  g_string_append (out, "]}");
  return g_string_free (out, FALSE);
}
