/** Engine by engine, how many divergences have the two disagree. */
import type { Matrix } from '../../src/web/api.ts';
import { queryOf } from '../route/filters.ts';
import { grouped } from './figures.ts';

/** Shades of the table, by the share of the greatest count. */
const SHADES = 5;

export function MatrixTable({ matrix }: { readonly matrix: Matrix }) {
  const most = Math.max(1, ...matrix.counts.flat());
  // Counts differ by orders of magnitude.
  const shade = (count: number): number => Math.ceil((Math.log1p(count) / Math.log1p(most)) * SHADES);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls has to be reached by keys
    <section class="scroll" aria-label="Engines against engines" tabIndex={0}>
      <table class="matrix">
        <thead>
          <tr>
            <td />
            {matrix.engines.map((engine) => (
              <th key={engine} scope="col">
                {engine}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {matrix.engines.map((engine, row) => (
            <tr key={engine}>
              <th scope="row">{engine}</th>
              {matrix.engines.map((other, column) => {
                const count = matrix.counts[row]?.[column] ?? 0;
                if (row === column) return <td key={other} class="self" />;
                return (
                  <td key={other} class={`shade-${shade(count)}`}>
                    {count === 0 ? (
                      <span class="soft">0</span>
                    ) : (
                      <a
                        href={`/divergences${queryOf({ between: `${engine},${other}` })}`}
                        aria-label={`${engine} and ${other} disagree in ${count} divergences`}
                      >
                        {grouped(count)}
                      </a>
                    )}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
