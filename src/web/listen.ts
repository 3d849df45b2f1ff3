/** The server's socket: opening it, and closing it at once. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import type { Hono } from 'hono';
import { InputError } from '../model/input-error.ts';

const ADVICE: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is in use: choose another --port, or 0 for any that is free',
  EACCES: 'is not permitted: choose a --port from 1024 on',
  EADDRNOTAVAIL: 'is no address of this machine: choose another --host',
  ENOTFOUND: 'is not known: choose another --host',
  EAI_AGAIN: 'cannot be resolved: choose another --host',
};

export interface Listening {
  readonly port: number;
  /** Ends the connections too. */
  close(): Promise<void>;
}

/** `makeApp` is called once the port is known, before the first request. Throws InputError. */
export async function listen(host: string, port: number, makeApp: (port: number) => Hono): Promise<Listening> {
  const server = createServer();
  try {
    server.listen(port, host);
    await once(server, 'listening');
  } catch (error) {
    const advice = ADVICE[(error as NodeJS.ErrnoException).code ?? ''];
    throw advice === undefined ? error : new InputError(`address ${host} port ${port} ${advice}`, { cause: error });
  }
  const bound = (server.address() as AddressInfo).port;
  server.on('request', getRequestListener(makeApp(bound).fetch));
  return { port: bound, close: () => closeAll(server) };
}

function closeAll(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
