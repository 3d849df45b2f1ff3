/** Starts a process with the transport that its launch names. */
import type { Launch, Transport, TransportEvents } from './transport.ts';
import { StdioTransport } from './transport-stdio.ts';

export function openTransport(launch: Launch, events: TransportEvents): Transport {
  switch (launch.transport) {
    case 'stdio':
      return new StdioTransport(launch, events);
  }
}
