/** What differs between the kernels that the filter is for. */
import { install } from '../decisions.ts';
import { profileNames } from '../profile-names.ts';
import { spanText } from '../range-text.ts';
import { DIRECTIONS } from './analysis.ts';
import { errnoText } from './check-ioctl.ts';
import { finding } from './finding.ts';
import type { Check } from './subject.ts';

export const checkRefusals: Check = ({ filter, profiles }) => {
  const errnos = profiles.map((profile) => install(filter, profile).errno);
  if (errnos.every((errno) => errno === errnos[0])) return [];
  const text = errnoText(profiles, (profile) => errnos[profiles.indexOf(profile)]!);
  const ids = profiles.filter((_, i) => errnos[i] !== 0).map(({ id }) => id);
  return [
    finding('profiles-refuse', {
      where: { profiles: ids },
      message: `kernels do not agree on this filter: ${text}`,
      mend: 'mend the findings of severity error: the filter is then accepted everywhere',
    }),
  ];
};

/** Before the SRCU fix of March 2021. */
export const checkHalfBuilt: Check = ({ filter, profiles }) => {
  const ids = profiles.filter((profile) => install(filter, profile).halfBuilt).map(({ id }) => id);
  if (ids.length === 0) return [];
  return [
    finding('half-built', {
      where: { profiles: ids },
      message: `the ioctl fails half way on ${profileNames(ids)}: the ranges before are in force, the filter before is gone`,
      mend: 'mend the findings of severity error; after a failure there, set a valid filter',
    }),
  ];
};

export const checkDecisions: Check = ({ analysis: { filter, profile, decisions }, profiles }) => {
  const newest = install(filter, profile);
  if (newest.errno !== 0) return [];
  return profiles.flatMap((other) => {
    const { errno, decisions: theirs } = install(filter, other);
    if (errno !== 0) return [];
    const type = DIRECTIONS.find((direction) => !decisions[direction].equals(theirs[direction]));
    if (type === undefined) return [];
    const differing = decisions[type].xor(theirs[type]);
    const [{ first, last } = { first: 0, last: 0 }] = differing.ranges();
    const verb = theirs[type].has(first) ? 'allows' : 'denies';
    const access = type === 0 ? 'RDMSR' : 'WRMSR';
    return [
      finding('profiles-decide', {
        where: { profiles: [other.id], msrs: [first, last], access: type === 0 ? 'r' : 'w' },
        message: `${other.id} ${verb} ${access} of ${spanText(first, last)}, ${profile.id} does not`,
        mend: 'allow or deny these MSRs alike in both, or leave the older kernel out (--profile)',
      }),
    ];
  });
};
