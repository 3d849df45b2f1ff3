/** What a discrete-event simulation is made of: a clock with events, and servers that work one thing at a time. */

interface Event {
  readonly at: number;
  /** Of events at one time, the one that was asked for first comes first. */
  readonly order: number;
  readonly run: () => void;
}

const before = (a: Event, b: Event): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

/** Events by time, a binary heap. Times in seconds. */
export class Clock {
  now = 0;
  private readonly heap: Event[] = [];
  private asked = 0;

  at(time: number, run: () => void): void {
    const { heap } = this;
    const event = { at: Math.max(time, this.now), order: this.asked++, run };
    let place = heap.push(event) - 1;
    while (place > 0) {
      const parent = (place - 1) >>> 1;
      if (!before(event, heap[parent]!)) break;
      heap[place] = heap[parent]!;
      place = parent;
    }
    heap[place] = event;
  }

  in(seconds: number, run: () => void): void {
    this.at(this.now + seconds, run);
  }

  /** Runs what there is up to that time. */
  runUntil(end: number): void {
    for (let next = this.heap[0]; next && next.at <= end; next = this.heap[0]) {
      this.take();
      this.now = next.at;
      next.run();
    }
    this.now = end;
  }

  private take(): void {
    const { heap } = this;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let place = 0;
    for (let child = 1; child < heap.length; child = 2 * place + 1) {
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
      if (!before(heap[child]!, last)) break;
      heap[place] = heap[child]!;
      place = child;
    }
    heap[place] = last;
  }
}

/** One thread: what is asked of it is done in turn. */
export class Server {
  /** Seconds that it has been at work. */
  busy = 0;
  private readonly clock: Clock;
  private free = 0;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  serve(seconds: number, done: () => void): void {
    this.free = Math.max(this.free, this.clock.now) + seconds;
    this.busy += seconds;
    this.clock.at(this.free, done);
  }

  /** Seconds of work that wait, or are being done. */
  get backlog(): number {
    return Math.max(0, this.free - this.clock.now);
  }
}
