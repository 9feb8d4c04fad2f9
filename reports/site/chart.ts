/** A chart of bars as SVG, drawn on the server: no script, no style, its words for who does not see it. The table beside it has the same figures. */

export interface Bar {
  label: string;
  value: number;
}

export interface Chart {
  /** Begins the ids within the drawing; one a page. */
  id: string;
  title: string;
  description: string;
  bars: readonly Bar[];
}

const WIDTH = 760;
const ROW = 26;
const LABELS = 110;
const NUMBERS = 90;

/** The drawing: one bar a row, its label before it and its number behind it. Nothing longer than the greatest; what is not nothing shows. */
export function barChart({ id, title, description, bars }: Chart): string {
  const greatest = Math.max(1, ...bars.map(({ value }) => value));
  const room = WIDTH - LABELS - NUMBERS;
  const rows = bars.map(({ label, value }, i) => {
    const width = value === 0 ? 0 : Math.max(1, Math.round((value / greatest) * room));
    const middle = i * ROW + ROW / 2;
    return [
      `<text x="${LABELS - 8}" y="${middle}" text-anchor="end" dominant-baseline="central">${escaped(label)}</text>`,
      `<rect x="${LABELS}" y="${i * ROW + 3}" width="${width}" height="${ROW - 6}" fill="#1d70b8"/>`,
      `<text x="${LABELS + width + 8}" y="${middle}" dominant-baseline="central">${value.toLocaleString('en-GB')}</text>`,
    ].join('');
  });
  const height = bars.length * ROW;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="${id}-title ${id}-description" viewBox="0 0 ${WIDTH} ${height}"`,
    ` width="${WIDTH}" height="${height}" font-family="arial, sans-serif" font-size="16" fill="#0b0c0c">`,
    `<title id="${id}-title">${escaped(title)}</title><desc id="${id}-description">${escaped(description)}</desc>`,
    `<line x1="${LABELS}" y1="0" x2="${LABELS}" y2="${height}" stroke="#505a5f"/>`,
    ...rows,
    '</svg>',
  ].join('');
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
