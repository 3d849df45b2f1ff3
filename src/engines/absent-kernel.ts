/** A real kernel that is not here, in a list of engines whose order and names matter: other machines have it. */
import type { MeasuredKernel } from '../model/kernel.ts';
import type { Engine } from './contract.ts';
import { EngineUnavailable } from './engine-unavailable.ts';

/** Takes part in nothing: whoever asks it anything gets EngineUnavailable. */
export function absentKernel(name: string, measured: MeasuredKernel): Engine {
  const refuse = (): never => {
    throw new EngineUnavailable(`engine ${name} is not on this machine: a shard that needs it came here by mistake`);
  };
  return {
    name,
    capabilities: { events: ['filter', 'access'], routes: false },
    kernel: { vendor: undefined, measure: () => measured },
    createVm: () => ({ setFilter: refuse, access: refuse }),
  };
}
