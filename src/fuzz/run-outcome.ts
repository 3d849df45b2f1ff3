/** What every engine does with one scenario, event by event, as plain data. */

export interface RunOutcome {
  readonly engines: readonly string[];
  /** In order of the scenario. */
  readonly events: readonly EventOutcome[];
  /** Intercept bitmaps as they are after the last event. */
  readonly bitmaps: readonly BitmapPage[];
}

export interface EventOutcome {
  readonly kind: string;
  /** Results by engine, by name (`0`, `-EINVAL`, `done`, ...); absent for events without a result. */
  readonly results?: Readonly<Record<string, string>>;
  /** Why an engine takes no part from here on, by engine: what it threw, or the capability that it lacks. */
  readonly notes?: Readonly<Record<string, string>>;
  /** For an access event. */
  readonly accesses?: readonly AccessOutcome[];
}

export interface AccessOutcome {
  readonly index: number;
  readonly name: string | null;
  readonly write: boolean;
  /** That engines differ here. */
  readonly differs: boolean;
  /** In order of RunOutcome.engines. */
  readonly verdicts: readonly EngineVerdict[];
}

export interface EngineVerdict {
  /** Name of the verdict; `-` where the engine takes no part. */
  readonly verdict: string;
  /** `passthrough`, `intercepted` or `fastpath`. */
  readonly route?: string;
  /** The rule that it names, and the slot and bit of the range that decided. */
  readonly rule?: string;
  readonly range?: number;
  readonly bit?: number;
  readonly note?: string;
}

export interface BitmapPage {
  readonly engine: string;
  readonly vendor: 'vmx' | 'svm';
  /** 4 KiB (VMX) or 8 KiB (SVM) in the hardware's layout, base64. */
  readonly bytes: string;
}
