/** The demo's own database on a server given by DATABASE_URL: made anew each time, never one that is not a rehearsal. */
import knexModule from 'knex';
import { knexConfig } from '../../db/connect.ts';

const NAME = 'retention_demo';

/** Makes the database `retention_demo` anew on that server and returns its URL. Throws when one is there that is live. */
export async function demoDatabase(serverUrl: string): Promise<string> {
  const url = new URL(serverUrl);
  url.pathname = `/${NAME}`;
  const server = knexModule.knex(knexConfig(serverUrl));
  try {
    const there = await server('pg_database').where({ datname: NAME }).first<object | undefined>('datname');
    if (there) await refuseUnlessRehearsal(url.href);
    await server.raw(`drop database if exists ${NAME}`);
    await server.raw(`create database ${NAME}`);
  } finally {
    await server.destroy();
  }
  return url.href;
}

async function refuseUnlessRehearsal(url: string): Promise<void> {
  const db = knexModule.knex(knexConfig(url));
  try {
    if (!(await db.schema.hasTable('installation'))) return;
    const installation = await db('installation').first<{ kind: string } | undefined>('kind');
    if (installation && installation.kind !== 'rehearsal') {
      throw new Error(
        `The database ${NAME} on that server is a live one. The demo does not touch it; name another server in DATABASE_URL, or none.`,
      );
    }
  } finally {
    await db.destroy();
  }
}
