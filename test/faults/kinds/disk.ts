/** Disks: full, read-only, gone. Each trial has a file system of its own, which takes root. */
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { FaultKind } from '../kind.ts';
import { Missed, type Trial } from '../trial.ts';

/** Bytes: holds a campaign's database and log, and is soon full. */
const SIZE = 16 << 20;

function tool(command: string, ...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status === 0) return stdout.trim();
  throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr.trim()}`);
}

/** A file system in memory under the trial's folder; the database is on it while `work` runs, and then moved off. */
async function onDisk(trial: Trial, work: (folder: string) => Promise<void>): Promise<void> {
  const folder = trial.file('disk');
  mkdirSync(folder);
  tool('mount', '-t', 'tmpfs', '-o', `size=${SIZE}`, 'msrdiff-faults', folder);
  try {
    await inPlace(trial, folder, work);
  } finally {
    tool('umount', '-l', folder);
  }
}

async function inPlace(trial: Trial, folder: string, work: (folder: string) => Promise<void>): Promise<void> {
  const home = trial.database;
  trial.database = join(folder, 'campaign.db');
  try {
    await work(folder);
    await trial.finish();
  } finally {
    for (const suffix of ['', '-wal', '-shm']) {
      if (existsSync(trial.database + suffix)) copyFileSync(trial.database + suffix, home + suffix);
    }
    trial.database = home;
  }
}

/** All of it, down to the last block but `spare` bytes, whatever the campaign takes meanwhile. */
function fill(folder: string, spare: number): string {
  const filler = join(folder, 'filler');
  const file = openSync(filler, 'w');
  try {
    for (const bytes of [1 << 20, 4096]) writeUntilFull(file, Buffer.alloc(bytes));
    ftruncateSync(file, Math.max(0, fstatSync(file).size - spare));
  } finally {
    closeSync(file);
  }
  return filler;
}

function writeUntilFull(file: number, bytes: Buffer): void {
  try {
    for (;;) writeSync(file, bytes);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  }
}

async function full(trial: Trial): Promise<void> {
  await trial.prepare();
  await onDisk(trial, async (folder) => {
    const run = trial.fuzz();
    await trial.moment(run);
    // Down to nothing, or to what some more shards take.
    const filler = fill(folder, trial.pick([0, 0, 4096, 65_536]));
    const end = await trial.ended(run, { codes: [0, 1, 2], says: /disk is full|cannot be opened|cannot be created/ });
    rmSync(filler);
    if (end.code !== 2) throw new Missed();
  });
}

async function readOnly(trial: Trial): Promise<void> {
  await trial.prepare();
  await onDisk(trial, async (folder) => {
    const run = trial.fuzz();
    await trial.moment(run);
    if (!run.signal(trial.pick(['SIGKILL', 'SIGINT']))) throw new Missed();
    await run.end;
    tool('mount', '-o', 'remount,ro', folder);
    await trial.ended(trial.fuzz(existsSync(trial.database)), {
      codes: [2],
      says: /read-only|cannot be created|cannot be opened/,
    });
    tool('mount', '-o', 'remount,rw', folder);
  });
}

/** FS_IOC_SHUTDOWN of ext4 (fs/ext4/ext4.h), without a last flush of the journal: what is not on the disk is lost. */
const SHUTDOWN = `
import fcntl, os, struct, sys
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack('I', 2))
`;

/** ext4 in a file, which from one moment on is gone: a disk that is pulled, or a machine without power. */
async function gone(trial: Trial): Promise<void> {
  await trial.prepare();
  const image = trial.file('image');
  tool('dd', 'if=/dev/zero', `of=${image}`, 'bs=1M', 'count=32', 'status=none');
  tool('mkfs.ext4', '-q', '-F', image);
  const folder = trial.file('disk');
  mkdirSync(folder);
  const mount = (): string => tool('mount', '-o', 'loop,commit=1', image, folder);
  mount();
  try {
    await inPlace(trial, folder, async () => {
      const run = trial.fuzz();
      await trial.moment(run);
      tool('python3', '-c', SHUTDOWN, folder);
      const end = await trial.ended(run, { codes: [0, 1, 2], says: /cannot be (read|opened|created)|read-only/ });
      tool('umount', folder);
      mount();
      if (end.code !== 2) throw new Missed();
    });
  } finally {
    spawnSync('umount', ['-l', folder]);
  }
}

const isRoot = (): string | undefined => (process.getuid?.() === 0 ? undefined : 'needs root, to mount a file system');

function loopMissing(): string | undefined {
  if (isRoot()) return isRoot();
  for (const command of ['losetup', 'mkfs.ext4', 'python3']) {
    if (spawnSync(command, ['--version']).error) return `needs ${command}`;
  }
  return spawnSync('losetup', ['--find']).status === 0 ? undefined : 'needs loop devices';
}

export const DISKS: readonly FaultKind[] = [
  {
    id: 'disk-full',
    fault: 'the disk is full from one moment on',
    shows: 'exit code 2: the disk is full, what was stored is safe, free some space, then use --resume',
    missing: isRoot,
    inject: full,
  },
  {
    id: 'disk-read-only',
    fault: 'the disk is read-only after a kill -9 or Ctrl-C, when the campaign is resumed',
    shows: 'exit code 2: the database is read-only',
    missing: isRoot,
    inject: readOnly,
  },
  {
    id: 'disk-gone',
    fault: 'the disk is gone from one moment on, with all that was not flushed (ext4, FS_IOC_SHUTDOWN), and comes back',
    shows: 'exit code 2: the database cannot be read or written, check the disk',
    missing: loopMissing,
    inject: gone,
  },
];
