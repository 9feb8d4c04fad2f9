/**
 * Connections of commands that ended serve the next command of the same worker: a new one costs the server more than most commands
 * do. What a session had is discarded, so that only what the server has learnt of its catalogues is kept.
 */
import knexModule from 'knex';
import type pg from 'pg';

type Kept = pg.Client & { __knex__disposed?: unknown; connection: { parsedStatements: object; submittedNamedStatements?: object } };

interface PgDialect {
  connectionSettings: object;
  version?: string;
  _acquireOnlyConnection(): Promise<Kept>;
  destroyRawConnection(connection: Kept): Promise<void>;
}

/** Idle connections by what they were opened with. */
const idle = new Map<string, Kept[]>();

const dialect = (knexModule.knex({ client: 'pg' }).client as { constructor: { prototype: PgDialect } }).constructor.prototype;
// eslint-disable-next-line @typescript-eslint/unbound-method -- each is called with the dialect that was asked
const { _acquireOnlyConnection: open, destroyRawConnection: close } = dialect;

dialect._acquireOnlyConnection = async function (this: PgDialect) {
  const kept = idle.get(keyOf(this))?.pop();
  if (kept === undefined) return open.call(this);
  return (await isClean(kept)) ? kept : this._acquireOnlyConnection();
};

dialect.destroyRawConnection = async function (this: PgDialect, connection: Kept) {
  const key = keyOf(this);
  if (connection.__knex__disposed) return close.call(this, connection);
  idle.set(key, [...(idle.get(key) ?? []), connection]);
};

/** Closes those that nobody uses: what server, database or role were told since holds for new ones alone. */
export async function forgetConnections(): Promise<void> {
  const connections = [...idle.values()].flat();
  idle.clear();
  await Promise.allSettled(connections.map((connection) => connection.end()));
}

function keyOf({ connectionSettings }: PgDialect): string {
  // The password is no property that is listed.
  return JSON.stringify({ ...connectionSettings, password: (connectionSettings as { password?: string }).password });
}

async function isClean(connection: Kept): Promise<boolean> {
  if (connection.__knex__disposed) return false;
  try {
    await connection.query('rollback');
    await connection.query('discard all');
    // What the driver believes to be prepared there.
    Object.assign(connection.connection, { parsedStatements: {}, submittedNamedStatements: {} });
    return true;
  } catch {
    await connection.end().catch(() => undefined);
    return false;
  }
}
