/** Exit codes; README "Exit codes" documents them. */
export const Exit = {
  OK: 0,
  DIVERGED: 1,
  /** Wrong usage or input. */
  USAGE: 2,
  ENGINE_UNAVAILABLE: 3,
  /** The time given was not enough. */
  UNFINISHED: 4,
  /** A fault of msrdiff itself (EX_SOFTWARE of sysexits.h). */
  INTERNAL: 70,
  /** Ctrl-C or SIGTERM: 128 + SIGINT. */
  INTERRUPTED: 130,
} as const;
export type Exit = (typeof Exit)[keyof typeof Exit];
