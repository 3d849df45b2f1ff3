import { describe, expect, it } from 'vitest';
import { interruptible } from './interruptible.ts';

/** Works for so long, and has its beat in between. */
function work(milliseconds: number, beat: () => void): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end) beat();
}

describe('interruptible', () => {
  it('gives what the code returns, and throws what it throws', () => {
    expect(interruptible(() => [1, 2], 30_000)).toEqual({ value: [1, 2] });
    expect(interruptible(() => undefined, 30_000)).toEqual({ value: undefined });
    const error = new TypeError('wrong');
    expect(() =>
      interruptible(() => {
        throw error;
      }, 30_000),
    ).toThrow(error);
  });

  it('ends what does not return, whatever it catches', () => {
    let caught = 0;
    const lost = interruptible(() => {
      for (;;) {
        try {
          for (;;);
        } catch {
          caught++;
        } finally {
          caught++;
        }
      }
    }, 50);
    expect(lost).toBe('lost');
    expect(caught).toBe(0);
  });

  it('begins again what is only long', () => {
    let begun = 0;
    const result = interruptible((beat) => {
      begun++;
      work(1_500, beat);
      return begun;
    }, 1_000);
    expect(result).toEqual({ value: begun });
  });

  it('can be used within itself', () => {
    const result = interruptible(
      () => [
        interruptible(() => {
          for (;;);
        }, 20),
        interruptible(() => 1, 30_000),
      ],
      60_000,
    );
    expect(result).toEqual({ value: ['lost', { value: 1 }] });
  });
});
