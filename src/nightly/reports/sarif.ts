/**
 * SARIF 2.1.0 (OASIS Standard, 27 March 2020), for code scanning: divergences that are new or triaged, recordings that
 * do not hold, disproofs. Those of earlier nights too: code scanning takes for mended what a later file does not have.
 * The location of a divergence is its reproducer, a file written beside the report.
 */
import { isAbsolute, join, relative, resolve, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { NightConformance, NightDivergence, NightProof, NightReport } from '../report.ts';
import { freshDisproofs, freshDivergences } from '../verdict.ts';

const SCHEMA = 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json';
const MANUAL = 'https://www.npmjs.com/package/msrdiff';

interface Rule {
  readonly id: string;
  readonly text: string;
}

interface Result {
  readonly rule: Rule;
  readonly level: 'error' | 'warning';
  readonly message: string;
  /** Against the nights before; left out where that is not known. */
  readonly baseline?: 'new' | 'unchanged';
  readonly uri: string;
  readonly line: number;
  readonly fingerprint: string;
  readonly properties: Readonly<Record<string, unknown>>;
}

/** Absolute folders. */
export interface Places {
  /** Of all reports. */
  readonly reports: string;
  /** That the paths of recordings start from. */
  readonly config: string;
  /** That paths in the file are relative to: the root of a checkout, in CI. */
  readonly root: string;
}

/** @returns JSON text */
export function sarif(night: NightReport, places: Places): string {
  const own = join(places.reports, night.folder);
  const uri = (...path: string[]): string => fileUri(resolve(...path), places.root);
  const fresh = new Set(freshDivergences(night));
  const results = [
    ...[...night.divergences, ...night.waiting].flatMap((one) =>
      one.reproducer === null ? [] : [divergenceResult(one, uri(own, one.reproducer), fresh.has(one))],
    ),
    ...night.conformance
      .filter(({ mismatches }) => mismatches > 0)
      .map((one) => conformanceResult(one, uri(places.config, one.recording))),
    ...freshDisproofs(night).map((one) => disproofResult(one, uri(places.reports, one.certificate))),
  ];
  const rules = [...new Map(results.map(({ rule }) => [rule.id, rule])).values()];
  const log = {
    $schema: SCHEMA,
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'msrdiff',
            version: night.msrdiff,
            informationUri: MANUAL,
            rules: rules.map(({ id, text }) => ({
              id,
              shortDescription: { text },
              defaultConfiguration: { level: 'error' },
            })),
          },
        },
        automationDetails: { id: `msrdiff/nightly/${night.folder}` },
        invocations: [
          {
            executionSuccessful: !night.steps.some(({ state }) => state === 'crashed' || state === 'hung'),
            exitCode: night.exitCode,
            startTimeUtc: night.startedAt,
            endTimeUtc: night.finishedAt,
          },
        ],
        columnKind: 'utf16CodeUnits',
        results: results.map((result) => resultJson(result, rules)),
      },
    ],
  };
  return `${JSON.stringify(log, null, 2)}\n`;
}

function resultJson(
  { rule, level, message, baseline, uri, line, fingerprint, properties }: Result,
  rules: readonly Rule[],
): object {
  return {
    ruleId: rule.id,
    ruleIndex: rules.findIndex(({ id }) => id === rule.id),
    level,
    ...(baseline === undefined ? {} : { baselineState: baseline }),
    message: { text: message },
    locations: [{ physicalLocation: { artifactLocation: { uri }, region: { startLine: line } } }],
    partialFingerprints: { 'divergence/v1': fingerprint },
    properties,
  };
}

/** A broken rule says more than the kind of the divergence, where a single one explains it. */
function ruleOf({ rules, kind }: NightDivergence): Rule {
  const [rule, ...others] = rules;
  if (rule !== undefined && others.length === 0) return { id: `rule/${slug(rule)}`, text: `Broken rule: ${rule}` };
  return { id: `kind/${kind}`, text: `Engines differ: ${kind}` };
}

function divergenceResult(divergence: NightDivergence, uri: string, isNew: boolean): Result {
  const { id, change, status, kind, subject, message, reliability, profile, rules, cases, size } = divergence;
  return {
    rule: ruleOf(divergence),
    // What mostly does not show again may be the machine's doing.
    level: reliability < 0.5 ? 'warning' : 'error',
    message: `${isNew ? change : status} divergence ${id}: ${kind}, ${subject}: ${message}`,
    baseline: isNew ? 'new' : 'unchanged',
    uri,
    line: 1,
    fingerprint: id,
    properties: { change, status, kind, subject, profile, rules, cases, size, reliability },
  };
}

function conformanceResult(
  { recording, engine, profile, mismatches, checks, listed }: NightConformance,
  uri: string,
): Result {
  const first = listed[0];
  return {
    rule: { id: 'conformance', text: "An engine's answer differs from a recorded kernel's" },
    level: 'error',
    message: `${engine}: ${mismatches} of ${checks} answers differ from the kernel's${first ? `; the first: ${first.text}` : ''}`,
    uri,
    line: first?.line ?? 1,
    fingerprint: `conformance ${recording} ${engine}`,
    properties: { engine, profile, mismatches, checks },
  };
}

function disproofResult({ args, divergence, message }: NightProof, uri: string): Result {
  return {
    rule: { id: 'disproof', text: 'A proof of equivalence has failed' },
    level: 'error',
    message: `disproven: ${args.join(' ')}${message ? `: ${message}` : ''}`,
    uri,
    line: 1,
    fingerprint: divergence ?? `disproof ${args.join(' ')}`,
    properties: { args, divergence },
  };
}

/** A relative reference (RFC 3986) below the root, a file: address elsewhere. */
function fileUri(path: string, root: string): string {
  // By way of bytes: a lone surrogate has no encoding.
  const below = relative(root, Buffer.from(path).toString());
  if (below.startsWith('..') || isAbsolute(below)) return pathToFileURL(path).href;
  return below.split(sep).map(encodeURIComponent).join('/');
}

function slug(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
}
