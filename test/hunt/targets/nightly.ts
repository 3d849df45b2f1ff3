import { parseJsonText } from '../../../src/model/json-text.ts';
import { checkConfig } from '../../../src/nightly/config.ts';
import { accepted, asText, expect, type Target } from '../target.ts';

export const target: Target = {
  name: 'nightly',
  form: 'json',
  seeds: [
    '{}',
    '{"budget":600,"grace":10,"database":"a.db","reports":"r","campaign":{"engines":["reference","svm"],"profiles":["6.1"],' +
      '"seed":"0xff","cases":10,"workers":2,"accesses":64,"sample":1,"sampleAccesses":4,"timeout":5,"ledgers":["l.json"],' +
      '"kernel":{"image":"bzImage","modules":"m","moduleParameters":["kvm_intel a=0"],"guestMode":"long"}},' +
      '"conformance":{"recordings":["x.jsonl.gz"],"engines":["vmx"],"profile":"newest"},"recheck":false,' +
      '"proofs":[["--ranges","2"]],"shares":{"conformance":0.1,"recheck":0.2,"proofs":0.3},"plantedEngines":["p"],' +
      '"webhook":{"url":"https://example.org/x","secretEnv":"S"},"retention":{"reports":{"days":1,"megabytes":2},' +
      '"database":{"days":3,"megabytes":4}}}',
    '{"campaign":false,"shares":{"proofs":1,"conformance":0,"recheck":0}}',
  ],
  words: [
    ...['budget', 'grace', 'database', 'reports', 'campaign', 'engines', 'engineModules', 'engineCommands', 'profiles'],
    ...[
      'seed',
      'cases',
      'workers',
      'timeout',
      'kernel',
      'guestMode',
      'real',
      'proofs',
      '--random',
      '--states',
      '--json',
    ],
    ...['shares', 'webhook', 'url', 'http://[', 'javascript:x', 'secretEnv', 'retention', 'days', 'megabytes', '0x10'],
  ],
  sources: ['src/nightly/config', 'src/model/schema-problem'],
  run(input) {
    const settings = accepted(() => checkConfig(parseJsonText(asText(input), 'FILE'), 'FILE', '/folder'), 'FILE');
    if (!settings) return;
    const { budget, grace, database, reports, campaign, shares, webhook } = settings;
    expect(budget > 0 && grace > 0 && budget <= 30 * 86_400, `a budget of ${budget} s, and ${grace} s`);
    expect(database.startsWith('/') && reports.startsWith('/'), 'a path that is not absolute');
    expect(shares.conformance + shares.recheck + shares.proofs <= 1, 'shares of more than 1');
    if (campaign && campaign.seed !== undefined) {
      expect(/^\d+$/.test(campaign.seed) && BigInt(campaign.seed) < 1n << 64n, `the seed ${campaign.seed}`);
    }
    if (webhook) expect(/^https?:$/.test(new URL(webhook.url).protocol), `the address ${webhook.url}`);
  },
};
