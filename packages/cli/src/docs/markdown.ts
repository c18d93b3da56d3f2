import type { Entry, Page, Part } from './page.js'
import type { Piece, Row, Table } from './table.js'

/** A page as Markdown with GitHub's tables. */
export function markdown(page: Page): string {
  const lines = [
    `# ${plain(page.title)} ${plain(page.version)}`,
    ...(page.description === undefined ? [] : ['', plain(page.description)]),
    ...indexOf('Events', page, 'event'),
    ...indexOf('Requests', page, 'request'),
    ...page.entries.flatMap(entryOf),
  ]
  return `${lines.join('\n')}\n`
}

function indexOf(title: string, { entries }: Page, kind: Entry['kind']): readonly string[] {
  const mine = entries.filter(entry => entry.kind === kind)
  if (mine.length === 0) return []
  return ['', `## ${title}`, '', ...mine.map(({ name, anchor }) => `- [${plain(name)}](#${anchor})`)]
}

function entryOf({ anchor, kind, name, facts, parts }: Entry): readonly string[] {
  return [
    '',
    `<a id="${anchor}"></a>`,
    '',
    `## ${plain(name)}${kind === 'request' ? ' (request)' : ''}`,
    '',
    ...facts.map(([label, text]) => `- ${label}: ${plain(text)}`),
    ...parts.flatMap(partOf),
  ]
}

function partOf({ title, doc, note, tables }: Part): readonly string[] {
  return [
    ...(title === undefined ? [] : ['', `### ${plain(title)}`]),
    ...(doc === undefined ? [] : ['', plain(doc)]),
    ...(note === undefined ? [] : ['', plain(note)]),
    ...tables.flatMap(tableOf),
  ]
}

function tableOf({ anchor, name, doc, rows }: Table): readonly string[] {
  return [
    '',
    `<a id="${anchor}"></a>`,
    ...(name === undefined ? [] : ['', `**${plain(name)}**`]),
    ...(doc === undefined ? [] : ['', plain(doc)]),
    '',
    ...(rows.length === 0
      ? ['No fields.']
      : ['| Field | Type | Default | Description |', '|---|---|---|---|', ...rows.map(rowOf)]),
  ]
}

function rowOf({ name, type, default: byDefault, isOptional, doc }: Row): string {
  const standard = byDefault === undefined ? (isOptional ? 'optional' : 'required') : code(byDefault)
  return `| ${code(name)} | ${type.map(pieceOf).join('')} | ${standard} | ${plain(doc ?? '')} |`
}

function pieceOf(piece: Piece): string {
  return typeof piece === 'string' ? plain(piece) : `[${plain(piece.text)}](#${piece.anchor})`
}

/** Text that Markdown takes for nothing else, on one line. */
function plain(text: string): string {
  return text
    .replace(/\s*[\r\n]+\s*/g, ' ')
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/[\\`*_[\]|#~]/g, '\\$&')
}

/** A code span, unless the text has what would end the span, or the table's cell in spite of it. */
function code(text: string): string {
  return /[`|\r\n]/.test(text) ? `<code>${plain(text)}</code>` : `\`${text}\``
}
