/** A migrated database of its own for a test or a test file, cloned from the template of the run. */
import { randomBytes } from 'node:crypto';
import knexModule, { type Knex } from 'knex';
import pg from 'pg';
import { inject } from 'vitest';
import { knexConfig } from '../../db/connect.ts';

export interface FreshDatabase {
  url: string;
  db: Knex;
  /** Drops the database. With RETENTION_KEEP_DATABASES=1 it stays, and its URL is printed. */
  close(): Promise<void>;
}

/** Creates a database with all tables and no rows. Call `close` when its tests are over. */
export async function freshDatabase(): Promise<FreshDatabase> {
  return newDatabase(inject('templateDatabase'));
}

/** Creates a database without any table. */
export async function emptyDatabase(): Promise<FreshDatabase> {
  return newDatabase('template0');
}

async function newDatabase(template: string): Promise<FreshDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  await onServer(`create database ${name} template ${template}`);
  const url = inject('postgresUrl').replace(/\/postgres$/, `/${name}`);
  const db = knexModule.knex(knexConfig(url));
  const close = async () => {
    await db.destroy();
    if (process.env['RETENTION_KEEP_DATABASES'] === '1') console.info(`Kept: ${url}`);
    else await onServer(`drop database ${name} with (force)`);
  };
  return { url, db, close };
}

async function onServer(statement: string): Promise<void> {
  const client = new pg.Client(inject('postgresUrl'));
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
