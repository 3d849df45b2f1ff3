/** Debian's package archive through apt: the system's own sources, or one suite of it in a root of its own. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EngineUnavailable } from '../engine-unavailable.ts';
import type { KernelPackage } from './package-choice.ts';
import { choosePackage, isKernelName, parseMadison, partsOf } from './package-choice.ts';
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
  const [first] = errors.split('\n').filter((line) => line.startsWith('E: '));
  throw new EngineUnavailable(
    `${source.description} cannot be read from ${archive} (${first?.slice(3) ?? `apt-get status ${status}`}): check the name and the network`,
  );
}

/** The newest kernel package of a version. Throws EngineUnavailable if the source has none. */
export function findKernelPackage({ description, options }: PackageSource, version: string): KernelPackage {
  const names = runTool('apt-cache', [...options, 'pkgnames', 'linux-image-'])
    .toString()
    .split('\n');
  const kernels = names.filter(isKernelName);
  const madison = kernels.length === 0 ? '' : runTool('apt-cache', [...options, 'madison', ...kernels]).toString();
  const available = parseMadison(madison);
  const choice = choosePackage(available, version);
  if (choice) return choice;
  throw new EngineUnavailable(
    `no kernel ${version} in ${description}: apt update, or --suite NAME (trixie-backports, sid), or --package FILE`,
  );
}

/** A kernel's package and all that it is made of, the kernel's own first. */
export function withParts({ options }: PackageSource, kernel: KernelPackage): KernelPackage[] {
  const all = new Map<string, KernelPackage>();
  const add = (name: string) => {
    if (all.has(name)) return;
    all.set(name, { name, version: kernel.version });
    const record = runTool('apt-cache', [...options, 'show', `${name}=${kernel.version}`]).toString();
    for (const part of partsOf(record)) add(part);
  };
  add(kernel.name);
  return [...all.values()];
}

/** Downloads packages into a folder, where apt names the files. */
export function downloadPackages({ options }: PackageSource, packages: readonly KernelPackage[], folder: string): void {
  const wanted = packages.map(({ name, version }) => `${name}=${version}`);
  runTool('apt-get', [...options, '-q', 'download', ...wanted], { folder });
}
