/** The doctor asked where there is no database: it makes none, neither tables nor a whole embedded server. */
import { readdir } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { rehearsal } from './setup/commands.ts';

it('says that there is no embedded database yet, and leaves the folder as it is', async () => {
  const council = await rehearsal();
  try {
    const { exitCode, stdout } = await council.retention('doctor', { DATABASE_URL: '' });
    expect([exitCode, stdout]).toEqual([3, expect.stringMatching(/warning +database: DATABASE_URL is not set, and there is no embedded/)]);
    expect(await readdir(council.folder)).toEqual([]);
  } finally {
    await council.close();
  }
});
