/** For somebody who writes a filter: what every engine makes of it, at every change. */
import { useEffect, useState } from 'preact/hooks';
import type { Scenario } from '../../src/model/scenario.ts';
import { formatScenario } from '../../src/model/scenario-json.ts';
import type { ProfileList } from '../../src/web/api.ts';
import { readText, startScenario } from '../editor/document.ts';
import { Workbench } from '../editor/workbench.tsx';
import { messageOf } from '../net/request.ts';
import { useResource } from '../net/use-resource.ts';
import { CopyButton } from '../parts/copy-button.tsx';
import { Problem } from '../parts/problem.tsx';
import { sharedFromFragment, shareFragment } from '../route/share.ts';

export function PlaygroundPage() {
  const [scenario, setScenario] = useState<Scenario>(startScenario);
  const [profile, setProfile] = useState('');
  const [error, setError] = useState<string>();
  const profiles = useResource<ProfileList>('/api/profiles', false);
  const used = profile || profiles.data?.newest || '';
  useEffect(() => {
    document.title = 'Playground · msrdiff';
    if (location.hash === '') return;
    sharedFromFragment(location.hash).then((shared) => {
      if (!shared) return setError('the link is damaged: copy it again');
      try {
        setScenario(readText(shared.scenario, 'link', startScenario()));
        setProfile(shared.profile);
      } catch (problem) {
        setError(messageOf(problem));
      }
    });
  }, []);
  const link = async (): Promise<string> => {
    const fragment = await shareFragment({ scenario: formatScenario(scenario), profile: used });
    history.replaceState(null, '', `/playground${fragment}`);
    return location.href;
  };
  return (
    <>
      <div class="page-head">
        <h1>Playground</h1>
        <CopyButton label="Copy link" text={link} />
        <button type="button" onClick={() => setScenario(startScenario())}>
          Start over
        </button>
      </div>
      <p class="soft">Write a filter, list accesses, and see what each engine answers and why. Nothing is stored.</p>
      <Problem message={error ?? profiles.error} retry={profiles.error === undefined ? undefined : profiles.reload} />
      <h2 class="visually-hidden">Scenario</h2>
      <Workbench scenario={scenario} onChange={setScenario} profile={used} onProfile={setProfile} />
    </>
  );
}
