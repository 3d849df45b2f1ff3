/** One job at a time, where only the newest of those that wait is worth doing. */

/** What a job that waited ends with when a newer one takes its place. */
export class Superseded extends Error {
  override readonly name = 'Superseded';
}

export class NewestFirst {
  private busy = false;
  private waiting: { readonly start: () => void; readonly drop: () => void } | undefined;

  /** Rejects with Superseded if a newer job comes before this one was started. */
  async run<T>(job: () => Promise<T>): Promise<T> {
    if (this.busy) {
      this.waiting?.drop();
      await new Promise<void>((resolve, reject) => {
        const drop = (): void => reject(new Superseded('a newer run has taken the place of this one'));
        this.waiting = { start: resolve, drop };
      });
    }
    this.busy = true;
    try {
      return await job();
    } finally {
      const next = this.waiting;
      this.waiting = undefined;
      // Where one waits, it is as good as started: what comes now waits for it.
      this.busy = next !== undefined;
      next?.start();
    }
  }
}
