/** The seed of everything that is invented at random: a failing test prints it, and RETENTION_PROPERTY_SEED repeats it. */
import fc from 'fast-check';

/** Another in every run, unless it is given. */
export const SEED = Number(process.env['RETENTION_PROPERTY_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

// fast-check names the seed itself where a property fails.
fc.configureGlobal({ seed: SEED });

/** fast-check, which takes this seed unless it is given another. */
export { fc };
