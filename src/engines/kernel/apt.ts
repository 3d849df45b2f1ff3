/** Debian's package archive through apt: the system's own sources, or one suite of it in a root of its own. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EngineUnavailable } from '../engine-unavailable.ts';
import type { KernelPackage } from './package-choice.ts';
import { choosePackages, isKernelName, parseMadison, partsOf } from './package-choice.ts';
import { runTool, tryTool } from './tool.ts';

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const MIRROR = 'http://deb.debian.org/debian';

/** Where to look: `options` go to every call of apt. */
export interface PackageSource {
  /** For messages. */
  readonly description: string;
  readonly options: readonly string[];
}

export const SYSTEM_SOURCE: PackageSource = { description: "the system's package sources", options: sandbox() };

/** Root lets apt download as another user, who cannot write to our folders; files are checked in any case. */
function sandbox(): string[] {
  return process.getuid?.() === 0 ? ['-o', 'APT::Sandbox::User=root'] : [];
}

/** The mirror of Debian that the system uses, or the general one. */
function mirror(): string {
  const targets = runTool('apt-get', ['indextargets', '--format', '$(ORIGIN) $(REPO_URI)', 'Identifier: Packages']);
  const match = /^Debian (\S+\/debian\/?)$/m.exec(targets.toString());
  return match?.[1]?.replace(/\/$/, '') ?? MIRROR;
}

/**
 * A suite of Debian, such as trixie-backports or sid, whose lists apt downloads, and checks against the archive's
 * keys, into the cache; the system's own sources are neither used nor changed.
 */
export function suiteSource(cache: string, suite: string): PackageSource {
  if (!/^[a-z][a-z0-9-]*$/.test(suite)) throw new EngineUnavailable(`"${suite}" is no suite of Debian: give sid, say`);
  if (!existsSync(KEYRING)) {
    throw new EngineUnavailable(`the keys of Debian's archive are missing: apt install debian-archive-keyring`);
  }
  const root = join(cache, 'apt', suite);
  for (const folder of ['etc/apt', 'var/lib/apt/lists/partial', 'var/lib/dpkg', 'var/cache/apt/archives/partial']) {
    mkdirSync(join(root, folder), { recursive: true });
  }
  const archive = suite.endsWith('-security') ? mirror().replace(/debian$/, 'debian-security') : mirror();
  writeFileSync(join(root, 'etc/apt/sources.list'), `deb [signed-by=${KEYRING} arch=amd64] ${archive} ${suite} main\n`);
  writeFileSync(join(root, 'var/lib/dpkg/status'), '');
  const options = [
    `Dir=${root}`,
    `Dir::State=${join(root, 'var/lib/apt')}`,
    `Dir::State::status=${join(root, 'var/lib/dpkg/status')}`,
    `Dir::Cache=${join(root, 'var/cache/apt')}`,
    'Acquire::Languages=none',
    'APT::Architecture=amd64',
    'APT::Architectures=amd64',
  ].flatMap((option) => ['-o', option]);
  const source = { description: `Debian ${suite}`, options: [...options, ...sandbox()] };
  const { status, errors } = tryTool('apt-get', [...source.options, '-qq', '--error-on=any', 'update']);
  if (status === 0) return source;
  const why = /^E: (.*)$/m.exec(errors)?.[1] ?? `apt-get status ${status}`;
  throw new EngineUnavailable(
    `${source.description} cannot be read from ${archive} (${why}): check the name and the network`,
  );
}

/**
 * The packages that make up the newest kernel of a version that the source has complete: its own first, then the parts
 * that it depends on. Throws EngineUnavailable if there is none.
 */
export function findKernelPackages(source: PackageSource, version: string): KernelPackage[] {
  const { description, options } = source;
  const names = runTool('apt-cache', [...options, 'pkgnames', 'linux-image-'])
    .toString()
    .split('\n');
  const choices = choosePackages(known(source, names.filter(isKernelName)), version);
  let missing: string | undefined;
  for (const choice of choices) {
    const packages = withParts(source, choice);
    const there = known(
      source,
      packages.map(({ name }) => name),
    );
    const absent = packages.find((part) => !there.some((other) => isSame(other, part)));
    if (!absent) return packages;
    missing ??= `${absent.name} ${absent.version}`;
  }
  if (missing !== undefined) {
    throw new EngineUnavailable(`kernel ${version} is incomplete in ${description}, ${missing} is gone: fetch another`);
  }
  throw new EngineUnavailable(
    `no kernel ${version} in ${description}: apt update, or --suite NAME (trixie-backports, sid), or --package FILE`,
  );
}

function isSame(left: KernelPackage, right: KernelPackage): boolean {
  return left.name === right.name && left.version === right.version;
}

/** All versions of these packages that the source has. */
function known({ options }: PackageSource, names: readonly string[]): KernelPackage[] {
  return names.length === 0 ? [] : parseMadison(runTool('apt-cache', [...options, 'madison', ...names]).toString());
}

/** A kernel's package and all that it is made of. */
function withParts({ options }: PackageSource, kernel: KernelPackage): KernelPackage[] {
  const all = new Map<string, KernelPackage>();
  const add = (name: string) => {
    if (all.has(name)) return;
    all.set(name, { name, version: kernel.version });
    const { status, output } = tryTool('apt-cache', [...options, 'show', `${name}=${kernel.version}`]);
    if (status === 0) for (const part of partsOf(output.toString())) add(part);
  };
  add(kernel.name);
  return [...all.values()];
}

/** Downloads packages into a folder, where apt names the files. */
export function downloadPackages({ options }: PackageSource, packages: readonly KernelPackage[], folder: string): void {
  const wanted = packages.map(({ name, version }) => `${name}=${version}`);
  const { status, errors } = tryTool('apt-get', [...options, '-q', 'download', ...wanted], { folder });
  if (status === 0) return;
  const last = errors.trim().split('\n').at(-1)?.replace(/^E: /, '');
  throw new EngineUnavailable(`download of ${wanted.join(' ')} failed (${last}): apt update, and check the network`);
}
