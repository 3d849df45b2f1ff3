/** Starts a process with the transport that its launch names. */
import type { Launch, Transport, TransportEvents } from './transport.ts';
import { MailboxTransport } from './transport-mailbox.ts';
import { StdioTransport } from './transport-stdio.ts';

export function openTransport(launch: Launch, events: TransportEvents): Transport {
  const { transport } = launch;
  return transport === 'stdio' ? new StdioTransport(launch, events) : new MailboxTransport(launch, transport, events);
}
