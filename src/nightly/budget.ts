/** The time of a night. What a step leaves over is there for those that follow. */
export class Budget {
  private readonly total: number;
  private readonly now: () => number;
  private readonly started: number;

  /** @param total seconds. @param now milliseconds. */
  constructor(total: number, now: () => number = Date.now) {
    this.total = total;
    this.now = now;
    this.started = now();
  }

  /** Seconds since the beginning. */
  spent(): number {
    return (this.now() - this.started) / 1000;
  }

  /** Seconds; 0 when it is used up. */
  left(): number {
    return Math.max(0, this.total - this.spent());
  }

  /** A part of the whole, as far as it is left; it runs from now on. */
  part(share: number): Budget {
    return new Budget(Math.min(this.total * share, this.left()), this.now);
  }
}
