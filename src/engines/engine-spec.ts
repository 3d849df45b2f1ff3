/** Specs of engines that come from a file: read and checked. */
import { at, type JsonPlace, readAnyObject, readObject, readString, readWord } from '../model/json-fields.ts';
import { GUEST_MODES, type KernelOptions } from './kernel/machines.ts';
import type { EngineSpec } from './registry.ts';

const KINDS = ['built-in', 'module', 'command', 'kernel'] as const;

/** Throws InputError that names the field. */
export function readEngineSpec(value: unknown, place: JsonPlace): EngineSpec {
  const kind = KINDS[readWord(readAnyObject(value, place).kind, at(place, 'kind'), KINDS)]!;
  const text = (object: Record<string, unknown>, key: string): string => readString(object[key], at(place, key));
  switch (kind) {
    case 'built-in':
      return { kind, name: text(readObject(value, place, ['kind', 'name']), 'name') };
    case 'module': {
      const object = readObject(value, place, ['kind', 'path', 'sha256']);
      return { kind, path: text(object, 'path'), sha256: text(object, 'sha256') };
    }
    case 'command':
      return { kind, command: text(readObject(value, place, ['kind', 'command']), 'command') };
    case 'kernel': {
      const object = readObject(value, place, ['kind', 'name'], ['options']);
      const options = object.options === undefined ? {} : readKernelOptions(object.options, at(place, 'options'));
      return { kind, name: text(object, 'name'), options };
    }
  }
}

function readKernelOptions(value: unknown, place: JsonPlace): KernelOptions {
  const known = ['guestMode', 'kernelImage', 'modules', 'moduleParameters'];
  const { guestMode, kernelImage, modules, moduleParameters } = readObject(value, place, [], known);
  const parameters = at(place, 'moduleParameters');
  return {
    ...(guestMode === undefined
      ? {}
      : { guestMode: GUEST_MODES[readWord(guestMode, at(place, 'guestMode'), GUEST_MODES)]! }),
    ...(kernelImage === undefined ? {} : { kernelImage: readString(kernelImage, at(place, 'kernelImage')) }),
    ...(modules === undefined ? {} : { modules: readString(modules, at(place, 'modules')) }),
    ...(moduleParameters === undefined
      ? {}
      : {
          moduleParameters: Object.fromEntries(
            Object.entries(readAnyObject(moduleParameters, parameters)).map(([name, text]) => [
              name,
              readString(text, at(parameters, name)),
            ]),
          ),
        }),
  };
}
