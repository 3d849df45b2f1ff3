/** Which Debian packages hold the kernel of a version, from what apt says about them. */

export interface KernelPackage {
  /** Such as `linux-image-6.1.0-56-cloud-amd64`. */
  readonly name: string;
  /** Such as `6.1.192-2`. */
  readonly version: string;
}

/** Kernels for x86-64, signed or not; neither debug symbols nor the real-time flavour. */
const KERNEL_NAME = /^linux-image-\d.*?-(cloud-)?amd64(-unsigned)?$/;
/** What else such a package may be made of: newer ones have the kernel and the modules apart. */
const PART_NAME = /^linux-(image|binary|modules)-\d/;

export function isKernelName(name: string): boolean {
  return KERNEL_NAME.test(name);
}

export function isCloudFlavour(name: string): boolean {
  return name.includes('-cloud-');
}

function isUnsigned(name: string): boolean {
  return name.endsWith('-unsigned');
}

/** The lines `name | version | origin` of `apt-cache madison`. */
export function parseMadison(text: string): KernelPackage[] {
  return text.split('\n').flatMap((line) => {
    const [name, version] = line.split('|').map((field) => field.trim());
    return name && version ? [{ name, version }] : [];
  });
}

/** Version of the kernel itself: `6.12.117` of `6.12.117-1~deb12u1`. */
export function upstreamVersion(version: string): string {
  return version.replace(/^\d+:/, '').replace(/-[^-]*$/, '');
}

/** Orders versions as dpkg does: runs of digits as numbers, letters before other characters, `~` before all. */
export function compareVersions(left: string, right: string): number {
  const parts = (text: string) => text.match(/\d+|\D/g) ?? [];
  const rank = (part: string | undefined) => {
    if (part === undefined || /^\d/.test(part)) return 0;
    if (part === '~') return -1;
    return part.charCodeAt(0) + (/[a-zA-Z]/.test(part) ? 0 : 256);
  };
  const [a, b] = [parts(left), parts(right)];
  for (let index = 0; index < Math.max(a.length, b.length); index++) {
    const [x, y] = [a[index], b[index]];
    const difference = rank(x) - rank(y) || Number.parseInt(x ?? '0', 10) - Number.parseInt(y ?? '0', 10);
    if (difference > 0 || difference < 0) return difference;
  }
  return 0;
}

/**
 * The packages of a version such as `6.12` or `6.12.117`, the best first: the newest; of equals the cloud flavour,
 * which is half as large and starts faster; of equals the signed one.
 */
export function choosePackages(packages: readonly KernelPackage[], version: string): KernelPackage[] {
  const matches = packages.filter(({ name, version: full }) => {
    const upstream = upstreamVersion(full);
    return isKernelName(name) && upstream.startsWith(version) && /^([.~]|$)/.test(upstream.slice(version.length));
  });
  return matches.sort(
    (a, b) =>
      compareVersions(b.version, a.version) ||
      Number(isCloudFlavour(b.name)) - Number(isCloudFlavour(a.name)) ||
      Number(isUnsigned(a.name)) - Number(isUnsigned(b.name)) ||
      // A shorter name is that of a package that only depends on the newest.
      b.name.length - a.name.length,
  );
}

/** The packages that a kernel's `Depends` says it is made of, from `apt-cache show`. */
export function partsOf(record: string): string[] {
  const depends = /^Depends: (.*)$/m.exec(record)?.[1] ?? '';
  return depends
    .split(',')
    .map((alternatives) => alternatives.trim().split(/[\s(|]/)[0]!)
    .filter((name) => PART_NAME.test(name));
}
