import { choosePackages, compareVersions, parseMadison, partsOf } from '../../../src/engines/kernel/package-choice.ts';
import { asText, expect, type Target } from '../target.ts';

/** What apt says: any text is taken, and what it says nothing of gives nothing. */
export const target: Target = {
  name: 'packages',
  form: 'text',
  seeds: [
    'linux-image-6.1.0-56-cloud-amd64 | 6.1.192-2 | http://deb.debian.org/debian bookworm/main amd64 Packages\n' +
      'linux-image-6.1.0-56-amd64-unsigned | 6.1.192-2~deb12u1 | x\nlinux-image-6.12+1-amd64 | 1:6.12.117-1 | y\n',
    'Package: linux-image-6.12-amd64\nDepends: linux-binary-6.12 (= 6.12.117-1), linux-modules-6.12 | x, kmod\n\n',
  ],
  words: [
    'linux-image-6.',
    'Depends: ',
    ' | ',
    '-cloud-',
    '-amd64',
    '-unsigned',
    '~',
    '1:',
    '6.1',
    '6.12.117',
    ', ',
    '(=',
  ],
  sources: ['src/engines/kernel/package-choice'],
  run(input) {
    const text = asText(input);
    const packages = parseMadison(text);
    for (const version of ['6.1', '6.12', '6.12.117']) {
      const chosen = choosePackages(packages, version);
      expect(
        chosen.every((one) => packages.includes(one)),
        'a package that nobody named',
      );
      for (const [i, { version: full }] of chosen.entries()) {
        const next = chosen[i + 1];
        expect(!next || compareVersions(full, next.version) >= 0, `${full} comes before ${next?.version}`);
      }
    }
    const versions = packages.slice(0, 6).map(({ version }) => version);
    for (const a of versions) {
      expect(compareVersions(a, a) === 0, `${a} is not itself`);
      for (const b of versions) {
        expect(Math.sign(compareVersions(a, b)) === -Math.sign(compareVersions(b, a)), `${a} and ${b} have no order`);
      }
    }
    for (const name of partsOf(text)) expect(/^linux-[^\s,|(]+$/.test(name), `the part ${JSON.stringify(name)}`);
  },
};
