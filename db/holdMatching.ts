/** How holds match files: by reference, at the very moment it is asked. In SQL, over a row `h` of holds and a file of some alias. */

/** The holds in force that cover the file of `alias`, matched by reference at this very moment. */
export function holdsOnFileSql(alias: string): string {
  return `select h.id, h.kind, h.scope, h.scope_ref, h.authority from holds h where h.released_on is null and ${holdCoversSql(alias)}`;
}

/** Whether the hold `h` covers the file of `alias`, in force or not. Null instead of false for a file without a family: ask `is not true`, not `not`. */
export function holdCoversSql(alias: string): string {
  const scopes = scopesOver(alias).map((scope) => `(${scope})`);
  return `(${scopes.join(' or ')})`;
}

/** Whether any hold in force covers the file: a question for each scope, each answered by the index; one with an "or" would look at every hold for every file. */
export function heldSql(alias: string): string {
  const asked = scopesOver(alias).map((scope) => `exists (select from holds h where h.released_on is null and ${scope})`);
  return `(${asked.join('\n      or ')})`;
}

/** How a hold `h` of each scope covers the file: by one `scope_ref`; asking each family hold for its children would look at all of them for every file. */
function scopesOver(alias: string): string[] {
  return [
    "h.scope = 'everything'",
    `h.scope = 'file' and h.scope_ref = ${alias}.file_ref`,
    `h.scope = 'category' and h.scope_ref = any(
        array(select n.also from category_names n where n.name = any(${alias}.categories)) || ${alias}.categories)`,
    `h.scope = 'person' and h.scope_ref = any(${alias}.subject_refs)`,
    `h.scope = 'family' and h.scope_ref = any(
        array(select c.family_ref from families c where c.child_ref = any(${alias}.subject_refs)) || ${alias}.family_ref)`,
  ];
}

/** text[]: the category of the scope by every name that a version of the schedule gave it. */
export function namesOfScopeSql(scopeRef: string): string {
  return `(array(select n.also from category_names n where n.name = ${scopeRef}) || ${scopeRef})`;
}

/** Covers `k` of the file of `alias` under holds `h` in force that cover it no more, where nobody confirmed that it may go without; after `select`. */
export function movedSql(alias: string): string {
  return `from hold_covers k join holds h on h.id = k.hold_id
    where k.file_ref = ${alias}.file_ref and k.confirmation_id is null and h.released_on is null and ${holdCoversSql(alias)} is not true`;
}
