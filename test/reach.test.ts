/** Ways to the database: what leads there, and what is said where the way is wrong. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect as connectTo, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { TLSSocket } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { rehearsal, type Council } from './setup/commands.ts';
import { transactionPooler } from './setup/transactionPooler.ts';

let council: Council;
const servers: Server[] = [];

beforeEach(async () => {
  council = await rehearsal();
});

afterEach(async () => {
  for (const server of servers.splice(0)) server.close();
  await council.close();
});

const hasIpv6 = Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ address }) => address === '::1'));

it.skipIf(!hasIpv6)('an IPv6 address leads there', async () => {
  const port = await listen('::1', (socket) => join(socket, database()));
  await council.done('lists', { DATABASE_URL: at(`[::1]:${port}`) });
});

it('behind a pooler that gives each transaction another session nothing is done, and the way out is said', async () => {
  const pooler = await transactionPooler(council.env['DATABASE_URL'] ?? '');
  try {
    const refused = await council.retention('lists', { DATABASE_URL: pooler.url });
    expect([refused.exitCode, refused.stderr]).toEqual([1, expect.stringMatching(/pool_mode=transaction.*Name the database itself/)]);
  } finally {
    await pooler.close();
  }
});

it('a socket that is not there is named', async () => {
  for (const url of ['postgres:///council?host=/nowhere&user=ret', 'postgres://ret@%2Fnowhere/council']) {
    const { exitCode, stderr } = await council.retention('lists', { DATABASE_URL: url });
    expect([url, exitCode, stderr]).toEqual([url, 1, expect.stringContaining('as ret at the socket in /nowhere (DATABASE_URL)')]);
  }
});

describe('over TLS', () => {
  // Signed by itself, for localhost, until 2126.
  const fixture = (name: string) => fileURLToPath(new URL(`./fixtures/tls/${name}`, import.meta.url));
  let port: number;

  beforeEach(async () => {
    port = await listen('127.0.0.1', (socket) => {
      // The driver asks whether TLS is spoken, in eight bytes, and is told yes.
      socket.once('data', () => {
        socket.write('S');
        const credentials = { key: readFileSync(fixture('server.key')), cert: readFileSync(fixture('server.crt')) };
        join(new TLSSocket(socket, { isServer: true, ...credentials }), database());
      });
    });
  });

  it('a certificate that nobody vouches for is refused, and sslrootcert makes it known', async () => {
    const { exitCode, stderr } = await council.retention('lists', { DATABASE_URL: at(`localhost:${port}`, '?sslmode=require') });
    expect([exitCode, stderr]).toEqual([1, expect.stringMatching(/certificate is signed by itself .*add sslrootcert=/)]);
    const known = `?sslmode=verify-full&sslrootcert=${fixture('server.crt')}`;
    await council.done('lists', { DATABASE_URL: at(`localhost:${port}`, known) });
    const other = await council.retention('lists', { DATABASE_URL: at(`127.0.0.1:${port}`, known) });
    expect([other.exitCode, other.stderr]).toEqual([1, expect.stringContaining('is for another host than DATABASE_URL names')]);
  });

  it('a server that does not speak it is said to be one', async () => {
    const { exitCode, stderr } = await council.retention('lists', { DATABASE_URL: at(database().host, '?sslmode=require') });
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining('asks for TLS (sslmode), and the database does not speak it')]);
  });
});

function database(): URL {
  return new URL(council.env['DATABASE_URL'] ?? '');
}

/** The council's database under another address. */
function at(host: string, search = ''): string {
  const { username, password, pathname } = database();
  return `postgres://${username}:${password}@${host}${pathname}${search}`;
}

async function listen(host: string, onSocket: (socket: Socket) => void): Promise<number> {
  const server = createServer(onSocket).listen(0, host);
  servers.push(server);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

function join(socket: Socket, { hostname, port }: URL): void {
  const onward = connectTo(Number(port), hostname);
  for (const end of [socket, onward]) end.on('error', () => void [socket, onward].map((other) => other.destroy()));
  socket.pipe(onward).pipe(socket);
}
