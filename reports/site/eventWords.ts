/** The events of the audit as pages say them. One that is not here is shown by its own name. */

export const EVENT_WORDS: Readonly<Record<string, string>> = {
  'archived.differs': 'An archived file came again, with other facts',
  'archived.removed_at_source': 'The source system deleted an archived file',
  'bag.renewed': 'A bag that waited was written anew, with what was recorded since',
  'brake.released': 'A brake was released',
  'brake.tripped': 'A brake went on',
  'calculations.agree': 'The two calculations agree again',
  'calculations.disagree': 'The two calculations disagreed',
  'certificate.issued': 'A certificate was issued',
  'database.backed_up': 'The database was backed up',
  'database.restored': 'The database was restored from a backup',
  'extract.imported': 'An extract was imported',
  'extract.refused': 'An extract was refused',
  'reference.settled': 'It was said which file has the reference of an archived one',
  'file.confirmed': 'A date or a birth was confirmed',
  'file.restored': 'A file was brought back from the archive',
  'file.taken_over': 'A file archived after the backup was taken over',
  'hold.placed': 'A hold was placed',
  'hold.release_asked': 'The release of a hold was asked for',
  'hold.released': 'A hold was released',
  'holds.imported': 'Holds were imported',
  'item.archived': 'A file was archived',
  'item.failed': 'A file could not be archived',
  'item.transferred': 'A file was joined to one of Adult Services',
  'item.waiting_for_paper': 'A file waits for its paper to be moved',
  'item.waiting_for_receipt': 'A file waits to be received by Adult Services',
  'item.withdrawn': 'A file was taken off its list',
  'list.cancelled': 'A list was cancelled',
  'list.complete': 'A list was completed',
  'list.cooling_off': 'A list began its cooling-off',
  'list.decided': 'Files of a list were decided',
  'list.for_decision': 'A list went back for decision',
  'list.for_sign_off': 'A list was put up for sign-off',
  'list.from_bags': 'A list was made anew from its bags',
  'list.in_progress': 'Archiving of a list began',
  'list.made': 'A list was made',
  'list.sent_back': 'A list was sent back',
  'list.signed_off': 'A list was signed off',
  'originals.given': 'Original documents were given to somebody',
  'originals.not_traced': 'Nobody was found for original documents',
  'originals.returned': 'Original documents were returned',
  'paper.moved': 'Paper was moved',
  'person.looked_for': 'A person’s files were looked for',
  'referral.closed': 'A referral was ended',
  refused: 'Something was refused',
  'restore.asked': 'Bringing a file back was asked for',
  'review.done': 'A review was done',
  'run.failed': 'A run failed',
  'run.succeeded': 'A run ended well',
  'schedule.adopted': 'A schedule was adopted',
  'source.removed': 'A source document was removed',
  'transfer.received': 'Adult Services received a file',
  'user.added': 'A person was added',
  'user.closed': 'An account was closed',
  'user.code_confirmed': 'A second admin confirmed a one-time code',
  'user.code_made': 'A one-time code was made for a person',
  'user.code_used': 'A one-time code was used',
  'user.dismissed': 'A person lost their roles at the organisation',
  'user.enrolled': 'A person enrolled',
  'user.factor_chosen': 'A person set up an authenticator app',
  'user.locked': 'An account was locked',
  'user.password_chosen': 'A password was chosen',
  'user.recovered': 'Whoever owns the database made a one-time code for an admin',
  'user.recovery_codes_made': 'A person made recovery codes',
  'user.reopened': 'A closed account was opened again',
  'user.roles_changed': 'A person’s roles were changed',
  'user.session_ended': 'A person ended one of their sessions',
  'user.sessions_ended': 'A person’s sessions were ended',
  'user.sign_in_failed': 'Somebody tried to come in and could not',
  'user.signed_in': 'A person signed in',
  'user.signed_out': 'A person signed out',
  'user.token_ended': 'A token was ended',
  'user.token_made': 'A token was made',
};

/** The details of an event as words and values, in their order. They hold references and counts only. */
export function eventDetails(json: string): { words: string; value: string }[] {
  const details: unknown = JSON.parse(json);
  if (typeof details !== 'object' || details === null) return [];
  return Object.entries(details).map(([name, value]) => ({
    words: name
      .replace(/([A-Z])/g, ' $1')
      .replaceAll('_', ' ')
      .toLowerCase(),
    value: inWords(value),
  }));
}

function inWords(value: unknown): string {
  if (Array.isArray(value)) return value.map(inWords).join(', ');
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (value === null) return 'none';
  return typeof value === 'string' || typeof value === 'number' ? String(value) : JSON.stringify(value);
}
