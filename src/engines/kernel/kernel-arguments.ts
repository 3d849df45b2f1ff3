/** Arguments of kernels that boot in an emulator only to run the helper: quickly, quietly, without noise in results. */

/**
 * Built-in drivers and self-tests that take a good part of the start-up in an emulator and are not used: certificates,
 * random-number health tests, tracing, TCP congestion control, schedulers in BPF. Unknown names are ignored.
 */
const SKIPPED_INITCALLS = [
  'cubictcp_register',
  'ftrace_check_for_weak_functions',
  'init_encrypted',
  'init_kprobe_trace',
  'jent_mod_init',
  'load_system_certificate_list',
  'scx_init',
  'snapshot_device_init',
  'trace_eval_init',
  'tracer_init_tracefs',
];

const SHARED = [
  // The last words of a panic, for the report of a process that died.
  'console=ttyS0',
  'quiet',
  'loglevel=3',
  // A panic ends the emulator, so the campaign notices.
  'panic=-1',
  'oops=panic',
  'mitigations=off',
  'nokaslr',
  'tsc=reliable',
  'no_timer_check',
  'lpj=1000000',
  'noreplace-smp',
  'cryptomgr.notests',
  'lsm=',
  // KVM_X86_SET_MSR_FILTER waits for an SRCU grace period, by default no sooner than this many ns after the last.
  'srcutree.exp_holdoff=1',
  'rcupdate.rcu_expedited=1',
  `initcall_blacklist=${SKIPPED_INITCALLS.join(',')}`,
];

/** The kernel command line; `channel` is where the helper finds msrdiff. */
export function kernelCommandLine(channel: string, extra: readonly string[] = []): string {
  return [...SHARED, ...extra, '--', `--channel=${channel}`].join(' ');
}
