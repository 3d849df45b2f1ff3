/** One line that is rewritten on a terminal, a plain line now and then elsewhere. */
const TERMINAL_MS = 250;
const PLAIN_MS = 10_000;

export class StatusLine {
  private readonly stream: NodeJS.WriteStream;
  private shown = Number.NEGATIVE_INFINITY;

  constructor(stream: NodeJS.WriteStream) {
    this.stream = stream;
  }

  /** Shows what `text` gives, unless something was shown just now. */
  update(text: () => string): void {
    const now = performance.now();
    if (now - this.shown < (this.stream.isTTY ? TERMINAL_MS : PLAIN_MS)) return;
    this.shown = now;
    if (this.stream.isTTY) this.stream.write(`\r${text().slice(0, (this.stream.columns ?? 80) - 1)}\x1b[K`);
    else this.stream.write(`${text()}\n`);
  }

  /** Removes the line, so that what follows starts on an empty one. */
  done(): void {
    if (this.stream.isTTY) this.stream.write('\r\x1b[K');
  }
}
