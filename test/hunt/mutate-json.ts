/** JSON from JSON: values exchanged, keys added, taken away and renamed, elements doubled. */
import type { Random } from '../../src/fuzz/random.ts';
import { NUMBERS, ODD } from './mutate.ts';

/** A place in a document: what holds it, and under which key. */
interface Place {
  readonly holder: Record<string | number, unknown>;
  readonly key: string | number;
}

/** Most places that are looked at, of large documents. */
const MAX_PLACES = 2000;

function placesOf(root: Place): Place[] {
  const places = [root];
  for (let i = 0; i < places.length && places.length < MAX_PLACES; i++) {
    const { holder, key } = places[i]!;
    const value = holder[key];
    if (Array.isArray(value)) {
      const length = Math.min(value.length, 64);
      for (let at = 0; at < length; at++) places.push({ holder: value as never, key: at });
    } else if (typeof value === 'object' && value !== null) {
      for (const name of Object.keys(value)) places.push({ holder: value as never, key: name });
    }
  }
  return places;
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}

/** Undefined if `input` is no JSON. */
export function mutateJson(
  random: Random,
  input: Uint8Array,
  other: Uint8Array,
  words: readonly string[],
): string | undefined {
  const value = parsed(input);
  if (value === undefined) return undefined;
  const root = { value } as Record<string, unknown>;
  for (let count = 1 + Math.min(random.below(6), random.below(6)); count > 0; count--) {
    const places = placesOf({ holder: root, key: 'value' });
    change(random, places[random.below(places.length)]!, other, words);
  }
  return JSON.stringify(root.value) ?? 'null';
}

function change(random: Random, { holder, key }: Place, other: Uint8Array, words: readonly string[]): void {
  const value = holder[key];
  const holdsMore = typeof value === 'object' && value !== null;
  switch (random.below(holdsMore ? 8 : 4)) {
    case 0:
    case 1:
      holder[key] = anyValue(random, words);
      return;
    case 2: {
      const given = parsed(other);
      const places = placesOf({ holder: { value: given }, key: 'value' });
      const chosen = places[random.below(places.length)]!;
      // A copy: a value in two places would change in both.
      holder[key] = JSON.parse(JSON.stringify(chosen.holder[chosen.key] ?? null));
      return;
    }
    case 3:
      if (Array.isArray(holder)) holder.splice(Number(key), random.below(2), anyValue(random, words));
      else delete holder[key];
      return;
    case 4:
    case 5:
      if (Array.isArray(value)) {
        const at = random.below(value.length + 1);
        const copied = value.length === 0 ? anyValue(random, words) : value[random.below(value.length)];
        value.splice(at, 0, JSON.parse(JSON.stringify(copied ?? null)));
      } else addKey(value as Record<string, unknown>, anyText(random, words), anyValue(random, words));
      return;
    case 6:
      if (Array.isArray(value)) value.splice(random.below(value.length + 1), 1 + random.below(4));
      else {
        const keys = Object.keys(value as object);
        const name = keys[random.below(keys.length)];
        if (name === undefined) return;
        const member = (value as Record<string, unknown>)[name];
        delete (value as Record<string, unknown>)[name];
        addKey(value as Record<string, unknown>, anyText(random, words), member);
      }
      return;
    default:
      holder[key] = random.below(2) === 0 ? [value] : { [anyText(random, words)]: value };
  }
}

/** As JSON.parse does it: `__proto__` is a key like others. */
function addKey(object: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
}

function anyText(random: Random, words: readonly string[]): string {
  switch (random.below(8)) {
    case 0:
      return ODD[random.below(ODD.length)]!;
    case 1:
      return NUMBERS[random.below(NUMBERS.length)]!;
    case 2:
      return ODD[random.below(ODD.length)]!.repeat(random.below(600));
    default:
      return words[random.below(words.length)] ?? '';
  }
}

function anyValue(random: Random, words: readonly string[]): unknown {
  switch (random.below(9)) {
    case 0:
      return null;
    case 1:
      return random.below(2) === 0;
    case 2:
    case 3: {
      const number = Number(NUMBERS[random.below(NUMBERS.length)]);
      return Number.isFinite(number) ? number : random.u32();
    }
    case 4:
      return random.u32();
    case 5:
      return [];
    case 6:
      return {};
    default:
      return anyText(random, words);
  }
}
