/**
 * Whoever guesses at somebody's password or second factor is slowed, and nobody else is: not the person, from another address. An
 * account that locked itself would let anybody lock its owner out.
 */
import { isIPv6 } from 'node:net';
import type { Knex } from 'knex';

/** Wrong ones in a row before whoever guesses has to wait: a minute at first, then each time as long again. */
export const FREE_GUESSES = 5;

/** No wait is longer. */
export const LONGEST_WAIT_MINUTES = 15;

/** Hours after which wrong ones are forgotten. */
const FORGOTTEN_HOURS = 24;

/** At whose secret is guessed, and from which network. A factor is guessed at by whoever knows the password, from anywhere. */
export type Guess = { name: string; kind: 'password'; address: string } | { name: string; kind: 'factor' };

/**
 * Counts a guess before it is looked at, so that many at once are no more than the same one after another. True where it may be
 * looked at; false while the guesser has to wait, and for a name that nobody has.
 */
export async function mayGuess(db: Knex, guess: Guess): Promise<boolean> {
  const { rows } = await db.raw<{ rows: object[] }>(
    `insert into guesses as g (user_name, kind, address, wrong, wait_until, last_at)
       select name, :kind, :address, 1, now(), now() from users where name = :name
     on conflict (user_name, kind, address) do update set
       wrong = case when g.last_at < now() - make_interval(hours => :hours) then 1 else g.wrong + 1 end,
       wait_until = case when g.last_at < now() - make_interval(hours => :hours) or g.wrong + 1 < :free then now()
         else now() + make_interval(mins => least(power(2, least(g.wrong + 1 - :free, 10)), :longest)::int) end,
       last_at = now()
     where g.wait_until <= now()
     returning wrong`,
    { ...rowOf(guess), hours: FORGOTTEN_HOURS, free: FREE_GUESSES, longest: LONGEST_WAIT_MINUTES },
  );
  return rows.length > 0;
}

/** The guess was right: those before it were the person's own. */
export async function forgetGuesses(db: Knex, guess: Guess): Promise<void> {
  const { name, kind, address } = rowOf(guess);
  await db('guesses').where({ user_name: name, kind, address }).delete();
}

function rowOf(guess: Guess): { name: string; kind: string; address: string } {
  return { name: guess.name, kind: guess.kind, address: guess.kind === 'password' ? networkOf(guess.address) : '' };
}

/** Who has one IPv6 address has 2^64 of them. */
function networkOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '');
  if (!isIPv6(plain)) return plain;
  const [head = '', tail = ''] = plain.split('::');
  const [first, last] = [head, tail].map((groups) => groups.split(':').filter((group) => group !== '')) as [string[], string[]];
  const zeros = Array<string>(Math.max(0, 8 - first.length - last.length)).fill('0');
  return [...first, ...zeros, ...last]
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
}
