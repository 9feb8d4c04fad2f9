/** A pooler in transaction mode in front of a real server: its clients share one session, which each has until its transaction ends. */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import type pg from 'pg';
import { plainClient } from './plainClient.ts';

/** Starts it; `url` is its address, with the user and database of the server's, and no password is asked. */
export async function transactionPooler(serverUrl: string): Promise<{ url: string; close(): Promise<void> }> {
  const client = plainClient(serverUrl);
  await client.connect();
  const server = takeOver(client);
  const waiting: { from: Socket; message: Buffer }[] = [];
  let holder: Socket | null = null;
  const serve = () => {
    if (holder !== null && !waiting.some(({ from }) => from === holder)) return;
    const at = holder === null ? 0 : waiting.findIndex(({ from }) => from === holder);
    const [next] = waiting.splice(at, 1);
    if (!next) return;
    holder = next.from;
    server.write(next.message);
  };
  server.on('data', (answer: Buffer) => {
    holder?.write(answer);
    // ReadyForQuery, of a session outside any transaction.
    if (answer.subarray(-6).equals(READY)) {
      holder = null;
      serve();
    }
  });
  const sockets = new Set<Socket>();
  const listening = createServer((socket) => {
    let welcomed = false;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', (message: Buffer) => {
      if (!welcomed) {
        welcomed = true;
        socket.write(Buffer.concat([AUTHENTICATED, KEY, READY]));
      } else if (message[0] === 'X'.charCodeAt(0)) {
        socket.end();
      } else {
        waiting.push({ from: socket, message });
        serve();
      }
    });
  }).listen(0, '127.0.0.1');
  await once(listening, 'listening');
  const url = new URL(serverUrl);
  url.host = `127.0.0.1:${(listening.address() as AddressInfo).port}`;
  return {
    url: url.href,
    close: async () => {
      for (const socket of [server, ...sockets]) socket.destroy();
      listening.close();
      await once(listening, 'close');
    },
  };
}

/** The socket of a client that was let in, which the driver reads no more. */
function takeOver(client: pg.Client): Socket {
  const { stream } = (client as unknown as { connection: { stream: Socket } }).connection;
  for (const event of ['data', 'error', 'end', 'close']) stream.removeAllListeners(event);
  return stream;
}

const AUTHENTICATED = Buffer.from([...Buffer.from('R'), 0, 0, 0, 8, 0, 0, 0, 0]);
/** A key of the pooler's own, as for cancelling. */
const KEY = Buffer.from([...Buffer.from('K'), 0, 0, 0, 12, 0, 0, 0, 7, 0, 0, 0, 9]);
const READY = Buffer.from([...Buffer.from('Z'), 0, 0, 0, 5, ...Buffer.from('I')]);
