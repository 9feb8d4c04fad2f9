/** A machine whose clock says something else, as a setting for a process of its own. */

/** Settings by which a Node process begins at this instant, by its own clock, and goes on from there at the usual pace. */
export function clockAt(instant: string): { NODE_OPTIONS: string } {
  const module = `
    const Real = Date;
    const ahead = Real.parse(${JSON.stringify(instant)}) - Real.now();
    globalThis.Date = class Date extends Real {
      constructor(...given) { given.length === 0 ? super(Real.now() + ahead) : super(...given); }
      static now() { return Real.now() + ahead; }
      static [Symbol.hasInstance](value) { return value instanceof Real; }
    };`;
  return { NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(module)}` };
}
