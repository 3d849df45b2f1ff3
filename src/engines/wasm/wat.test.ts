/** The assembled modules are what their texts say. After a change: npx vitest run src/engines/wasm -u */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import initWabt from 'wabt';

const wabt = await initWabt();

test.each(['interval', 'svm', 'vmx'])('%s.ts is %s.wat, assembled', async (name) => {
  const path = new URL(`${name}.wat`, import.meta.url);
  const text = wabt.parseWat(path.pathname, readFileSync(path, 'utf8'), { simd: true });
  text.resolveNames();
  text.validate();
  const base64 = Buffer.from(text.toBinary({}).buffer).toString('base64');
  const lines = [
    `/** ${name}.wat, assembled by wat.test.ts: do not edit. */`,
    `export const ${name.toUpperCase()}_WASM =`,
    `  '${base64}';`,
  ];
  await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot(`${name}.ts`);
});
