/** What a night is to do, as a user writes it: `msrdiff.config.ts`, `.js`, `.mjs` or `.json`. docs/nightly.md */

/** Engines, as the options `--engines`, `--engine-module` and `--engine-command` name them. */
export interface NightEngines {
  /** Names of built-in engines and real kernels, such as `reference` or `kvm-vmx@6.12`. */
  readonly engines?: readonly string[];
  /** ES modules. */
  readonly engineModules?: readonly string[];
  /** Processes that speak the engine protocol, as command lines for a shell. */
  readonly engineCommands?: readonly string[];
}

/** A kernel build of one's own, as the options `--kernel-image` and so on. */
export interface NightKernel {
  /** A bzImage. */
  readonly image?: string;
  /** Its modules, a folder as `make modules_install` leaves it. */
  readonly modules?: string;
  /** Such as `kvm_intel preemption_timer=0`. */
  readonly moduleParameters?: readonly string[];
  /** CPU mode that guests run in. Default: `long`. */
  readonly guestMode?: 'long' | 'protected' | 'real';
}

/** Random filters and accesses through engines; `msrdiff fuzz`. */
export interface CampaignConfig extends NightEngines {
  /** Kernel profiles, a campaign each, which share the time. Default: the newest. */
  readonly profiles?: readonly string[];
  /** u64, decimal or `0x` hexadecimal as text where it is above 2^53. Default: from the date, see docs/nightly.md. */
  readonly seed?: number | string;
  /** Stop after so many cases, though there were time left. Default: no limit. */
  readonly cases?: number;
  /** Worker threads. Default: one per processor. */
  readonly workers?: number;
  /** Accesses per case. Default: that of `msrdiff fuzz`. */
  readonly accesses?: number;
  /** Real kernels get one case in so many. Default: that of `msrdiff fuzz`. */
  readonly sample?: number;
  /** Accesses of each event that real kernels get. Default: that of `msrdiff fuzz`. */
  readonly sampleAccesses?: number;
  /** Seconds that an engine may take for one case. Default: that of `msrdiff fuzz`. */
  readonly timeout?: number;
  /** Ledgers of known divergences, JSON, beside the shipped one. */
  readonly ledgers?: readonly string[];
  /** For the engines `kvm-svm@NAME` and `kvm-vmx@NAME`. Default: stored kernels. */
  readonly kernel?: NightKernel;
}

/** Recordings of real kernels against engines; `msrdiff conform`. */
export interface ConformanceConfig extends NightEngines {
  /** Files (`*.jsonl.gz`, `*.jsonl`), folders of them, or patterns with `*` in the last part. */
  readonly recordings: readonly string[];
  /** Kernel profile. Default: that of the recorded kernel. */
  readonly profile?: string;
}

/** Where a finished night is announced. */
export interface WebhookConfig {
  /** `http:` or `https:`. */
  readonly url: string;
  /** Environment variable with the secret that signs the payload. Default: it is not signed. */
  readonly secretEnv?: string;
}

/** What is removed: what is older, and the oldest beyond the size. 0 is no limit. */
export interface RetentionLimits {
  /** Days. */
  readonly days?: number;
  /** Megabytes (10^6 bytes). */
  readonly megabytes?: number;
}

/** A night. All keys may be left out; paths are relative to the folder of the configuration. */
export interface NightlyConfig {
  /** Seconds for the whole night. Default: 3600. */
  readonly budget?: number;
  /** Seconds that a step may overrun its time before it is killed; kernels start in it. Default: 180. */
  readonly grace?: number;
  /** SQLite database. Default: `results/msrdiff.db`. */
  readonly database?: string;
  /** Folder of reports. Default: `results/nightly`. */
  readonly reports?: string;
  /** Default: the default engines under the newest profile. `false`: none. */
  readonly campaign?: CampaignConfig | false;
  /** Default: none. */
  readonly conformance?: ConformanceConfig;
  /** Whether triaged, known and fixed divergences are run again. Default: true. */
  readonly recheck?: boolean;
  /** Arguments of `msrdiff prove`, a list for each proof, such as `['--ranges', '3']`. Default: none. */
  readonly proofs?: readonly (readonly string[])[];
  /**
   * Parts of the budget for what runs before the campaign, which gets the rest.
   * Default: 0.1 for conformance, 0.1 for the re-check, 0.2 for proofs.
   */
  readonly shares?: {
    /** 0 to 1. */
    readonly conformance?: number;
    /** 0 to 1. */
    readonly recheck?: number;
    /** 0 to 1. */
    readonly proofs?: number;
  };
  /** Engines with planted bugs: how long these take to show is drawn, as for fixed divergences. Default: none. */
  readonly plantedEngines?: readonly string[];
  /** Default: none. */
  readonly webhook?: WebhookConfig;
  /** What is removed after each night. */
  readonly retention?: {
    /** Reports of earlier nights. Default: 90 days, 500 megabytes. */
    readonly reports?: RetentionLimits;
    /** Rows of the database; what nobody has triaged stays. Default: 180 days, 2000 megabytes. */
    readonly database?: RetentionLimits;
  };
}

/**
 * Gives a configuration its type, so that an editor completes and checks it. Returns what it is given.
 *
 * ```ts
 * import { defineConfig } from 'msrdiff/config';
 * export default defineConfig({ budget: 8 * 3600, proofs: [['--ranges', '3']] });
 * ```
 */
export function defineConfig(config: NightlyConfig): NightlyConfig {
  return config;
}
