/** The night killed at random moments, its next run killed again, until one comes to its end: nothing twice and nothing lost. */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { until } from '../setup/commands.ts';
import { killed, noticed } from '../setup/killed.ts';
import { SEED } from '../setup/seed.ts';
import { times } from '../setup/tally.ts';
import { anHourPasses, endState, eveOfTheNight, finishTheNight, nightly, Tries, undisturbed, type Eve } from '../setup/undisturbed.ts';

const FILES = times(10, 20);
const KILLS = times(8, 200);

it(
  `the night killed at ${KILLS} random moments ends as an undisturbed one (RETENTION_PROPERTY_SEED=${SEED} repeats them)`,
  { timeout: 7_200_000 },
  async () => {
    const expected = await undisturbed(FILES);
    const length = await lengthOfTheNight();
    const tries = new Tries(`the night killed at random moments (seed ${SEED})`);
    let nights = 0;
    for (; tries.tried < KILLS; nights++) {
      const eve = await eveOfTheNight(FILES);
      try {
        // Any moment of an undisturbed night first; its next runs have less to do, and are killed in the first half of that time.
        let span = length;
        while (tries.tried < KILLS && (await killedAfter(eve, span * random(tries.tried, nights)))) {
          await tries.check(eve);
          span = length / 2;
        }
        await anHourPasses(eve.council.archive);
        await finishTheNight(eve);
        expect(await endState(eve.council), `night ${nights + 1}, ${tries.tried} kills so far, seed ${SEED}`).toEqual(expected);
      } finally {
        await eve.council.close();
      }
    }
    console.info(`${tries.tried} kills in ${nights} nights of ${Math.round(length)} ms each, seed ${SEED}.`);
    tries.tell();
  },
);

/** Milliseconds from the start of the run to its end, as a process that nobody disturbs. */
async function lengthOfTheNight(): Promise<number> {
  const { council } = await eveOfTheNight(FILES);
  try {
    const { said, exit } = council.spawn(nightly(council), { LOG_LEVEL: 'info' });
    await until(() => said.stderr.includes('run.started'), 'the run has started');
    const began = performance.now();
    expect([0, 3]).toContain((await exit).exitCode);
    return performance.now() - began;
  } finally {
    await council.close();
  }
}

/** Kills a night so long after it has started; false when it came to its good end before. */
async function killedAfter({ council }: Eve, ms: number): Promise<boolean> {
  const started = council.spawn(nightly(council), { LOG_LEVEL: 'info' });
  await until(() => started.said.stderr.includes('run.started'), 'the run has started');
  await Promise.race([sleep(ms), started.exit]);
  if (await killed(started)) {
    await noticed(council);
    return true;
  }
  expect([0, 3], started.said.stderr).toContain(started.child.exitCode);
  return false;
}

/** The same from 0 to 1 for the same seed, kill and night. */
function random(tried: number, night: number): number {
  const digest = createHash('sha256').update(`${SEED} ${tried} ${night}`).digest();
  return digest.readUInt32BE(0) / 2 ** 32;
}
