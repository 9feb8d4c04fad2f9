/** A prepared database of its own for a test or a test file, cloned from the template of the run. */
import { randomBytes } from 'node:crypto';
import knexModule, { type Knex } from 'knex';
import { inject } from 'vitest';
import { knexConfig } from '../../db/connect.ts';
import { plainClient } from './plainClient.ts';

export interface FreshDatabase {
  /** As the role that commands work as, which owns nothing. */
  url: string;
  ownerUrl: string;
  /** As the owner, to look and to arrange what no command does; the guards hold for the owner too. */
  db: Knex;
  /** Drops the database. With RETENTION_KEEP_DATABASES=1 it stays, and its URL is printed. */
  close(): Promise<void>;
}

/** Creates a database with all tables and guards, and the shipped schedule. Call `close` when its tests are over. */
export async function freshDatabase(): Promise<FreshDatabase> {
  return newDatabase(inject('templateDatabase'));
}

/** Creates a database without any table. */
export async function emptyDatabase(): Promise<FreshDatabase> {
  return newDatabase('template0');
}

/** As the owner can, and nobody else: to arrange what no writer may bring about. */
export async function pastGuards<T>(db: Knex, table: string, arrange: (trx: Knex.Transaction) => Promise<T>): Promise<T> {
  return db.transaction(async (trx) => {
    await trx.raw(`alter table ${table} disable trigger user`);
    const arranged = await arrange(trx);
    await trx.raw(`alter table ${table} enable trigger user`);
    return arranged;
  });
}

async function newDatabase(template: string): Promise<FreshDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  // A small template is copied faster than its pages are logged.
  await onServer(`create database ${name} template ${template} strategy file_copy`);
  const [ownerUrl, url] = [inject('postgresUrl'), inject('serviceUrl')].map((server) => server.replace(/\/postgres$/, `/${name}`)) as [
    string,
    string,
  ];
  const db = knexModule.knex(knexConfig(ownerUrl));
  const close = async () => {
    await db.destroy();
    if (process.env['RETENTION_KEEP_DATABASES'] === '1') console.info(`Kept: ${url}`);
    else await onServer(`drop database ${name} with (force)`);
  };
  return { url, ownerUrl, db, close };
}

async function onServer(statement: string): Promise<void> {
  const client = plainClient(inject('postgresUrl'));
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
