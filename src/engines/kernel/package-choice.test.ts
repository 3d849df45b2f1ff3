import { describe, expect, it } from 'vitest';
import {
  choosePackages,
  compareVersions,
  isKernelName,
  parseMadison,
  partsOf,
  upstreamVersion,
} from './package-choice.ts';

/** As apt-cache madison prints it. */
const MADISON = `
linux-image-6.1.0-50-cloud-amd64 |  6.1.176-1 | http://deb.debian.org/debian bookworm/main amd64 Packages
linux-image-6.1.0-56-cloud-amd64 |  6.1.192-2 | http://deb.debian.org/debian-security bookworm-security/main amd64 Packages
linux-image-6.1.0-56-cloud-amd64-unsigned |  6.1.192-2 | http://deb.debian.org/debian-security bookworm-security/main amd64 Packages
linux-image-6.1.0-56-amd64 |  6.1.192-2 | http://deb.debian.org/debian-security bookworm-security/main amd64 Packages
linux-image-6.1.0-57-amd64 |  6.1.195-1 | http://deb.debian.org/debian-security bookworm-security/main amd64 Packages
linux-image-6.12-cloud-amd64 | 6.12.117-1~deb12u1 | http://deb.debian.org/debian-security bookworm-security/main amd64 Packages
linux-image-6.12.117+deb12-cloud-amd64 | 6.12.117-1~deb12u1 | http://deb.debian.org/debian-security bookworm-security/main amd64 Packages
linux-image-6.12.117+deb12-amd64 | 6.12.117-1~deb12u1 | http://deb.debian.org/debian-security bookworm-security/main amd64 Packages
linux-image-6.12.9+deb12-cloud-amd64 | 6.12.9-1~deb12u1 | http://deb.debian.org/debian-security bookworm-security/main amd64 Packages
linux-image-7.3-cloud-amd64 | 7.3~rc7-1~exp1 | http://deb.debian.org/debian experimental/main amd64 Packages
linux-image-6.10.1-1-amd64 | 6.10.1-1 | http://deb.debian.org/debian sid/main amd64 Packages
`;

describe('choosePackages', () => {
  const packages = parseMadison(MADISON);
  const best = (version: string) => choosePackages(packages, version)[0]?.name;

  it('takes the newest, even where it has no cloud flavour', () => {
    expect(best('6.1')).toBe('linux-image-6.1.0-57-amd64');
  });

  it('prefers the cloud flavour, the signed package, and the package itself to one that depends on it', () => {
    expect(best('6.1.192')).toBe('linux-image-6.1.0-56-cloud-amd64');
    expect(best('6.12')).toBe('linux-image-6.12.117+deb12-cloud-amd64');
  });

  it('does not take 6.12 or 6.10 for 6.1, and takes a release candidate', () => {
    expect(choosePackages(packages, '6.1').every(({ version }) => version.startsWith('6.1.'))).toBe(true);
    expect(best('6.12.11')).toBeUndefined();
    expect(best('7.3')).toBe('linux-image-7.3-cloud-amd64');
    expect(best('5.10')).toBeUndefined();
  });
});

describe('isKernelName', () => {
  it.each([
    ['linux-image-6.1.0-56-cloud-amd64-unsigned', true],
    ['linux-image-7.2.12+deb13-amd64', true],
    ['linux-image-6.1.0-56-rt-amd64', true],
    ['linux-image-6.1.0-56-amd64-dbg', false],
    ['linux-image-cloud-amd64', false],
    ['linux-image-6.1.0-56-arm64', false],
  ])('%s: %s', (name, expected) => {
    expect(isKernelName(name)).toBe(expected);
  });
});

describe('compareVersions', () => {
  it.each([
    ['6.1.176-1', '6.1.192-2'],
    ['6.12.9-1', '6.12.117-1'],
    ['7.3~rc7-1', '7.3-1'],
    ['6.12.117-1~deb12u1', '6.12.117-1'],
    ['6.1.1', '6.1.1+b1'],
  ])('%s before %s', (older, newer) => {
    expect(compareVersions(older, newer)).toBeLessThan(0);
    expect(compareVersions(newer, older)).toBeGreaterThan(0);
    expect(compareVersions(newer, newer)).toBe(0);
  });
});

it('reads versions and parts', () => {
  expect(upstreamVersion('6.12.117-1~deb12u1')).toBe('6.12.117');
  const depends =
    'kmod, dracut | linux-initramfs-tool, linux-base-7.2 (= 1), linux-binary-7.2 (= 1), linux-modules-7.2 (= 1)';
  expect(partsOf(`Package: x\nDepends: ${depends}\nSize: 1\n`)).toEqual(['linux-binary-7.2', 'linux-modules-7.2']);
  expect(partsOf('Package: x\n')).toEqual([]);
});
