import { expect, test } from 'vitest';
import { NewestFirst, Superseded } from './newest-first.ts';

test('one at a time, and of those that wait the newest', async () => {
  const queue = new NewestFirst();
  const log: string[] = [];
  let end: (() => void) | undefined;
  const job = (name: string) => async () => {
    log.push(`${name} starts`);
    await new Promise<void>((resolve) => {
      end = resolve;
    });
    log.push(`${name} ends`);
    return name;
  };
  const first = queue.run(job('first'));
  const second = queue.run(job('second'));
  const third = queue.run(job('third'));
  await expect(second).rejects.toBeInstanceOf(Superseded);
  expect(log).toEqual(['first starts']);
  end!();
  expect(await first).toBe('first');
  await expect.poll(() => log.at(-1)).toBe('third starts');
  const fourth = queue.run(job('fourth'));
  end!();
  expect(await third).toBe('third');
  await expect.poll(() => log.at(-1)).toBe('fourth starts');
  end!();
  expect(await fourth).toBe('fourth');
});

test('a job that fails does not hold up the next', async () => {
  const queue = new NewestFirst();
  const fails = queue.run(() => Promise.reject(new Error('no')));
  const next = queue.run(async () => 'next');
  await expect(fails).rejects.toThrow('no');
  expect(await next).toBe('next');
  expect(await queue.run(async () => 'idle')).toBe('idle');
});
