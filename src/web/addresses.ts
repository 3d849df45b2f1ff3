/** By which names the server may be asked for. */

/** What is bound, and the values of the Host header that mean it. */
export interface Binding {
  /** As given with --host. */
  readonly host: string;
  readonly port: number;
  /** As given with --allow-host: names, with or without a port. */
  readonly allowed: readonly string[];
}

const HTTP_PORT = 80;

export function isLoopback(address: string): boolean {
  return address === '::1' || /^127(\.\d{1,3}){3}$/.test(address) || address.toLowerCase() === 'localhost';
}

/** In lower case. */
export function hostValues({ host, port, allowed }: Binding): Set<string> {
  const values = new Set<string>();
  for (const name of ['127.0.0.1', 'localhost', '::1', host]) {
    values.add(`${bracketed(name)}:${port}`);
    // Browsers leave the scheme's own port out.
    if (port === HTTP_PORT) values.add(bracketed(name));
  }
  for (const name of allowed) {
    const lower = bracketed(name.toLowerCase());
    // Without a port, for a proxy on its scheme's own.
    values.add(lower);
    if (!/:\d+$/.test(lower)) values.add(`${lower}:${port}`);
  }
  return values;
}

/** What users open. */
export function pageAddress(host: string, port: number): string {
  return `http://${bracketed(host)}:${port}/`;
}

function bracketed(name: string): string {
  return name.split(':').length > 2 && !name.startsWith('[') ? `[${name.toLowerCase()}]` : name.toLowerCase();
}
