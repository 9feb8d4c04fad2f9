/** How long what people type may be: a reference names something, a reason or note explains it; neither holds a document. */

/** Characters of a reference: to a file, a person, a family, or another system's record. */
export const LONGEST_REFERENCE = 200;

/** Characters of a reason, a note, an authority, a place, or anything else that people write about what they do. */
export const LONGEST_WORDS = 4_000;

/** Said of what is longer. */
export const TOO_LONG = `Nothing was done. What was sent is longer than ${LONGEST_WORDS.toLocaleString('en-GB')} characters: say it in fewer, and keep the document it comes from where it belongs.`;
