/** The configuration file of a night: loaded, checked, and with its defaults. */
import { existsSync, statSync } from 'node:fs';
import { basename, dirname, extname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createJiti } from 'jiti';
import { z } from 'zod';
import { GUEST_MODES } from '../engines/kernel/machines.ts';
import { readLimitedFile } from '../files/read-limited.ts';
import { InputError } from '../model/input-error.ts';
import { parseJsonText } from '../model/json-text.ts';
import { findProfile, KERNEL_PROFILES } from '../model/profile.ts';
import { schemaProblem } from '../model/schema-problem.ts';

/** Looked for in this order where no file is named. */
export const CONFIG_NAMES = ['msrdiff.config.ts', 'msrdiff.config.js', 'msrdiff.config.mjs', 'msrdiff.config.json'];

/** Most bytes of a configuration in JSON. */
const MAX_BYTES = 1 << 20;

const text = z.string().min(1);
const texts = z.array(text);
const seconds = z
  .number()
  .positive()
  .max(30 * 86_400);
const count = z.number().int().positive();
const share = z.number().min(0).max(1);
const limit = z.number().nonnegative();
const profile = text.refine((id) => findProfile(id) !== undefined, {
  error: `no such profile; known are ${KERNEL_PROFILES.map(({ id }) => id).join(', ')} and newest`,
});
const seed = z
  .union([z.number(), z.string()], 'give a number or a text')
  .refine(isU64, 'give a whole number from 0 to 2^64 - 1, as text if it is above 2^53')
  .transform((value) => String(BigInt(value)));
const engines = { engines: texts.default([]), engineModules: texts.default([]), engineCommands: texts.default([]) };

function isU64(value: number | string): boolean {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0;
  // Lengths first: BigInt takes the square of the time for texts of millions of digits.
  return /^(0x0*[0-9a-fA-F]{1,16}|0*\d{1,20})$/.test(value) && BigInt(value) < 1n << 64n;
}

/** What a night gives these itself. */
const NIGHTS_OWN = ['--certificate', '--resume', '--check', '--smt2', '--seconds', '--database', '--json', '--all'];
const GOALS = ['--filter', '--random', '--ranges', '--states', '--lemmas'];
const nameOf = (argument: string): string => argument.split('=')[0]!;
const proof = texts
  .refine((args) => args.some((arg) => GOALS.includes(nameOf(arg))), `give one of ${GOALS.join(', ')}`)
  .refine(
    (args) => !args.some((arg) => NIGHTS_OWN.includes(nameOf(arg))),
    `leave out what the night gives itself: ${NIGHTS_OWN.join(', ')}`,
  );

const retention = (days: number, megabytes: number) =>
  z.strictObject({ days: limit.default(days), megabytes: limit.default(megabytes) }).prefault({});

const CAMPAIGN = z.strictObject({
  ...engines,
  profiles: z.array(profile).min(1).default(['newest']),
  seed: seed.optional(),
  ...{ cases: count.optional(), workers: count.optional(), accesses: count.optional() },
  ...{ sample: count.optional(), sampleAccesses: count.optional(), timeout: seconds.optional() },
  ledgers: texts.default([]),
  kernel: z
    .strictObject({
      ...{ image: text.optional(), modules: text.optional(), moduleParameters: texts.default([]) },
      guestMode: z.enum(GUEST_MODES).optional(),
    })
    .optional(),
});

const SCHEMA = z.strictObject({
  budget: seconds.default(3600),
  grace: seconds.default(180),
  database: text.default('results/msrdiff.db'),
  reports: text.default('results/nightly'),
  campaign: z.union([z.literal(false), CAMPAIGN], { error: 'give an object or false' }).prefault({}),
  conformance: z.strictObject({ recordings: texts.min(1), ...engines, profile: profile.optional() }).optional(),
  recheck: z.boolean().default(true),
  proofs: z.array(proof).default([]),
  shares: z
    .strictObject({ conformance: share.default(0.1), recheck: share.default(0.1), proofs: share.default(0.2) })
    .refine(({ conformance, recheck, proofs }) => conformance + recheck + proofs <= 1, 'are more than 1 in sum')
    .prefault({}),
  plantedEngines: texts.default([]),
  webhook: z
    .strictObject({
      url: z.url({ protocol: /^https?$/, error: 'give an http: or https: address' }),
      secretEnv: z
        .string()
        .regex(/^[A-Za-z_]\w*$/, 'give the name of an environment variable')
        .optional(),
    })
    .optional(),
  retention: z.strictObject({ reports: retention(90, 500), database: retention(180, 2000) }).prefault({}),
});

export type CampaignSettings = z.output<typeof CAMPAIGN>;
/** A checked configuration: paths of database and reports are absolute, all others as written, relative to `folder`. */
export type NightSettings = z.output<typeof SCHEMA> & {
  /** Of the configuration file; the folder that steps run in. */
  readonly folder: string;
};

/** @param given as on the command line; left out, the current folder is searched. Throws InputError. */
export async function loadConfig(given: string | undefined, current = process.cwd()): Promise<NightSettings> {
  const path = given ?? CONFIG_NAMES.find((name) => existsSync(resolve(current, name)));
  if (path === undefined) {
    throw new InputError(
      `no ${CONFIG_NAMES.join(', ')} in ${current}: write one (docs/nightly.md), or name it with --config`,
    );
  }
  const absolute = resolve(current, path);
  return checkConfig(await read(path, absolute), path, dirname(absolute));
}

/** @param path of the file, for messages. @param folder that its relative paths start from. Throws InputError. */
export function checkConfig(value: unknown, path: string, folder: string): NightSettings {
  const parsed = SCHEMA.safeParse(value);
  if (!parsed.success) throw new InputError(`${path}: ${schemaProblem(parsed.error)} (see docs/nightly.md)`);
  const settings = parsed.data;
  return {
    ...settings,
    folder,
    database: resolve(folder, settings.database),
    reports: resolve(folder, settings.reports),
  };
}

async function read(path: string, absolute: string): Promise<unknown> {
  if (!statSync(absolute, { throwIfNoEntry: false })?.isFile()) {
    throw new InputError(`${path} cannot be read (no such file): check --config`);
  }
  // Not the cached form: a night is rare, and nothing of it belongs into node_modules.
  const jiti = createJiti(import.meta.url, {
    fsCache: false,
    moduleCache: false,
    alias: { 'msrdiff/config': OWN },
    interopDefault: false,
  });
  if (extname(absolute) === '.json') {
    const text = readLimitedFile(absolute, MAX_BYTES, 'a configuration has less; check --config').toString();
    return parseJsonText(text, path);
  }
  if (!['.ts', '.mts', '.js', '.mjs'].includes(extname(absolute))) {
    throw new InputError(`${path}: ${basename(path)} is no .ts, .mts, .js, .mjs or .json file`);
  }
  let loaded: { default?: unknown };
  try {
    loaded = await jiti.import(absolute);
  } catch (error) {
    const message = error instanceof Error ? error.message.split('\n')[0] : String(error);
    throw new InputError(`${path} does not load: ${message}`);
  }
  if (loaded.default === undefined) throw new InputError(`${path} has no default export: export the configuration`);
  return loaded.default;
}

/** So that a configuration finds `msrdiff/config` wherever msrdiff is installed. */
const OWN = fileURLToPath(new URL(`./define-config${extname(fileURLToPath(import.meta.url))}`, import.meta.url));
