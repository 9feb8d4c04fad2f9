/** A connection of a test's own, past the product's pool. */
import pg from 'pg';

/**
 * Not connected yet. When a server crashes or is killed, the driver tells each connection with an event as well as with a refused
 * query, and an event without a listener ends the whole run of tests, whichever test happens to be on.
 */
export function plainClient(connection: string | pg.ClientConfig): pg.Client {
  const client = new pg.Client(connection);
  client.on('error', () => undefined);
  return client;
}
