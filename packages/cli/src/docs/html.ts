import type { Entry, Page, Part } from './page.js'
import { style } from './style.js'
import type { Piece, Row, Table } from './table.js'

/** A page as one HTML file, without scripts and without anything from elsewhere. */
export function html(page: Page): string {
  const title = `${escaped(page.title)} ${escaped(page.version)}`
  const lines = [
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    // Nothing in here comes from elsewhere or runs; should a text get past the escaping, it can't either.
    `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">`,
    `<title>${title}</title>`,
    `<style>${style}</style>`,
    '</head>',
    '<body>',
    `<header><h1>${title}</h1>${paragraph(page.description)}</header>`,
    '<nav aria-label="Contents">',
    ...indexOf('Events', page, 'event'),
    ...indexOf('Requests', page, 'request'),
    '</nav>',
    '<main>',
    ...page.entries.flatMap(entryOf),
    '</main>',
    '</body>',
    '</html>',
  ]
  return `${lines.join('\n')}\n`
}

function indexOf(title: string, { entries }: Page, kind: Entry['kind']): readonly string[] {
  const mine = entries.filter(entry => entry.kind === kind)
  if (mine.length === 0) return []
  const links = mine.map(({ anchor, name }) => `<li><a href="#${anchor}">${escaped(name)}</a></li>`)
  return [`<h2>${title}</h2>`, '<ul>', ...links, '</ul>']
}

function entryOf({ anchor, kind, name, facts, parts }: Entry): readonly string[] {
  const mark = kind === 'request' ? ' <small>request</small>' : ''
  return [
    `<section id="${anchor}">`,
    `<h2><a href="#${anchor}">${escaped(name)}</a>${mark}</h2>`,
    '<dl>',
    ...facts.map(([label, text]) => `<dt>${escaped(label)}</dt><dd>${escaped(text)}</dd>`),
    '</dl>',
    ...parts.flatMap(partOf),
    '</section>',
  ]
}

function partOf({ title, doc, note, tables }: Part): readonly string[] {
  return [
    ...(title === undefined ? [] : [`<h3>${escaped(title)}</h3>`]),
    paragraph(doc),
    paragraph(note),
    ...tables.flatMap(tableOf),
  ].filter(line => line !== '')
}

const columns = ['Field', 'Type', 'Default', 'Description'] as const

function tableOf({ anchor, name, doc, rows }: Table): readonly string[] {
  return [
    name === undefined ? `<a id="${anchor}"></a>` : `<h4 id="${anchor}">${escaped(name)}</h4>`,
    paragraph(doc),
    ...(rows.length === 0
      ? ['<p>No fields.</p>']
      : [
          '<table>',
          `<thead><tr>${columns.map(column => `<th scope="col">${column}</th>`).join('')}</tr></thead>`,
          '<tbody>',
          ...rows.map(rowOf),
          '</tbody>',
          '</table>',
        ]),
  ].filter(line => line !== '')
}

function rowOf({ name, type, default: byDefault, isOptional, doc }: Row): string {
  const standard = byDefault === undefined ? (isOptional ? 'optional' : 'required') : code(byDefault)
  const cells = [code(name), type.map(pieceOf).join(''), standard, escaped(doc ?? '')]
  // The columns' names: on a narrow screen each cell stands on a line of its own.
  return `<tr>${cells.map(cellOf).join('')}</tr>`
}

/** With one element in it, or nothing: a narrow screen lays each element of a cell out by itself. */
function cellOf(content: string, index: number): string {
  return `<td data-column="${columns[index]}">${content && `<div>${content}</div>`}</td>`
}

function pieceOf(piece: Piece): string {
  return typeof piece === 'string' ? escaped(piece) : `<a href="#${piece.anchor}">${escaped(piece.text)}</a>`
}

function paragraph(text: string | undefined): string {
  return text === undefined ? '' : `<p>${escaped(text)}</p>`
}

function code(text: string): string {
  return `<code>${escaped(text)}</code>`
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Text as HTML, within elements and within quoted attributes. */
function escaped(text: string): string {
  return text.replace(/[&<>"']/g, character => entities[character] as string)
}
