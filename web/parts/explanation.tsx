/** Why: the rule that is broken, what each engine says decided, and what does not matter. */
import type { ExplanationReply } from '../../src/web/api.ts';

type Explained = NonNullable<ExplanationReply['explanation']>;

export function Explanation({ explanation }: { readonly explanation: Explained }) {
  const { rule, engines, freedom, documented, what } = explanation;
  return (
    <>
      <h3>Broken rule</h3>
      {rule.length === 0 && <p>No single rule explains it.</p>}
      {rule.length > 1 && <p>Nothing near this divergence tells these apart:</p>}
      <ul class="rules">
        {rule.map(({ name, sentence, source }) => (
          <li key={name}>
            <b>{name}</b>: {sentence}. <span class="soft">Source: {source}</span>
          </li>
        ))}
      </ul>
      {documented !== undefined && <p>Documented: {documented}</p>}
      <h3>Each engine, {what}</h3>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls has to be reached by keys */}
      <section class="scroll" aria-label="Engines" tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th scope="col">Engine</th>
              <th scope="col">Result</th>
              <th scope="col">Rule</th>
              <th scope="col">Range</th>
              <th scope="col">Bit</th>
              <th scope="col">Route</th>
              <th scope="col">Note</th>
            </tr>
          </thead>
          <tbody>
            {engines.map((account) => (
              <tr key={account.engine} class={account.dissents ? 'differs' : ''}>
                <th scope="row">
                  {account.engine} {account.dissents && <span class="badge badge-differs">differs</span>}
                </th>
                <td>
                  <b>{account.result}</b>
                </td>
                <td>{account.rule ?? '–'}</td>
                <td>{account.range ?? '–'}</td>
                <td>{account.bit ?? '–'}</td>
                <td>{account.route ?? '–'}</td>
                <td>{account.note}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      <h3>What does not matter</h3>
      {freedom.length === 0 && <p>Nothing was found that could be otherwise.</p>}
      <dl class="freedom">
        {freedom.map(({ field, text }) => (
          <div key={field}>
            <dt>
              <code>{field}</code>
            </dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
    </>
  );
}
