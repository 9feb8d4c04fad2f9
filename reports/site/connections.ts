/** Connections to the site: how long a request may take to arrive, and who gives way when there are as many as can be held. */
import { createServer, type RequestListener, type Server } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { SitePerson } from './page.ts';
import { isOfThisMachine } from './proxy.ts';

/** How much of the server one visitor may take. */
export interface Limits {
  /** Milliseconds in which a request must be there whole. */
  requestTimeout: number;
  /** Milliseconds between two looks at what is late. */
  checkedEvery: number;
  /** Connections in all. */
  connections: number;
  /** Connections of one address; those of a proxy on this machine are everybody's, and have no such limit. */
  connectionsOfAddress: number;
}

/** Descriptors that are left for the database, files and what else the process opens. */
const DESCRIPTORS_KEPT_BACK = 256;

/** What this process can hold. */
export function usualLimits(): Limits {
  const connections = Math.max(64, Math.min(openFiles(), 10_000) - DESCRIPTORS_KEPT_BACK);
  return { requestTimeout: 30_000, checkedEvery: 5_000, connections, connectionsOfAddress: Math.min(200, connections / 2) };
}

/** The soft limit of open files, as the process was started with. */
function openFiles(): number {
  const { userLimits } = process.report.getReport() as { userLimits?: { open_files?: { soft?: number | string } } };
  return Number(userLimits?.open_files?.soft) || 1024;
}

/** Makes the server: fastify by itself would look for late requests every half a minute. */
export function serverWithin({ requestTimeout, checkedEvery }: Limits): (handler: RequestListener) => Server {
  return (handler) => createServer({ requestTimeout, headersTimeout: requestTimeout, connectionsCheckingInterval: checkedEvery }, handler);
}

/**
 * Where there is one connection too many, the oldest goes on which nobody who is signed in was answered: whoever works here is let
 * in, however many others hold a connection open.
 */
export function limitConnections(app: FastifyInstance, { connections, connectionsOfAddress }: Limits): void {
  const open = new Set<Socket>();
  const works = new WeakSet<Socket>();
  const giveWay = (among: Socket[], limit: number) => {
    if (among.length <= limit) return;
    const first = among.find((socket) => !works.has(socket)) ?? among.at(-1);
    if (first) open.delete(first);
    first?.destroy();
  };
  app.server.on('connection', (socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    const { remoteAddress: address = '' } = socket;
    if (!isOfThisMachine(address))
      giveWay(
        [...open].filter((one) => one.remoteAddress === address),
        connectionsOfAddress,
      );
    giveWay([...open], connections);
  });
  app.addHook('onResponse', (request: FastifyRequest & { signedIn?: SitePerson | null }, _reply, done) => {
    if (request.signedIn) works.add(request.raw.socket);
    done();
  });
}
