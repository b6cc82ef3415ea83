// The Vika tables as a manager sees them. Cells that Huiyin writes are shown, cells that managers write can be edited.

import { cell, kindOf, showCell } from './cells.js'
import { arrowKeys, byId, el, keyed, setAttribute, setText } from './dom.js'
import { known } from './model.js'
import * as words from './words.js'

/** The place of the view on show. */
let chosen = 0
let fresh = true

/** The declared views: which columns and rows in which order, and who writes them. */
function views () {
  return known.scene.views
}

/** The simulator's dump of a sheet; undefined while it is not there. */
function dump (view) {
  const id = known.scene.company.sheets[view.sheet]
  return known.state?.sheets.sheets.find(sheet => sheet.id === id)
}

export function begin () {
  const staff = known.scene.company.roster.map(entry => el('option', { value: entry.name }))
  byId('staff').replaceChildren(...staff)
  byId('helpers').addEventListener('change', () => {
    fresh = true
    show()
  })
  arrowKeys(byId('sheet-tabs'))
  showTabs()
}

export function show () {
  showTabs()
  const view = views()[chosen]
  const sheet = dump(view)
  const found = sheet && rows(view, sheet)
  setText(byId('sheet-hint'), view.conditions.length ? words.VIEW_HINT[view.title] : words.HINT[view.sheet])
  if (sheet) showTable(view, sheet, found)
  const empty = byId('table-empty')
  empty.hidden = Boolean(found?.length)
  setText(empty, view.conditions.length ? words.NONE_IN_VIEW : words.NO_ROWS[view.sheet])
  fresh = false
}

/** The rows of a view, in its order. */
function rows (view, sheet) {
  const text = cellText(sheet)
  const kept = sheet.rows.filter(row => view.conditions.every(one => fulfils(text(row, one.column), one)))
  return ordered(view.order, kept, text)
}

/** What a cell of a sheet says; empty where the column is missing. */
function cellText (sheet) {
  const places = new Map(sheet.columns.map((column, index) => [column.name, index]))
  return (row, column) => row.cells[places.get(column)] ?? ''
}

function fulfils (text, condition) {
  return condition.is_not === undefined ? text === condition.is : text !== condition.is_not
}

function ordered (order, rows, text) {
  if (order.by === 'newest') return [...rows].reverse()
  if (order.by !== 'waiting') return rows
  const waits = row => order.of.includes(text(row, order.state))
  const priority = row => waits(row) ? row.values[order.priority] ?? 0 : -1
  const since = row => waits(row) ? row.values[order.since] ?? Infinity : Infinity
  // Rows that are not in the state stay as they are: two infinities have no difference.
  return [...rows].sort((one, other) => (priority(other) - priority(one)) || (since(one) - since(other)) || 0)
}

function showTabs () {
  keyed(byId('sheet-tabs'), views(), {
    key: view => view.title,
    create: view => el('button', { type: 'button', role: 'tab', 'aria-controls': 'table-box', click: () => open(view) },
      el('span', { text: view.title }), el('span', { class: 'count' })),
    update: (node, view) => {
      const selected = view === views()[chosen]
      const sheet = dump(view)
      setAttribute(node, 'aria-selected', String(selected))
      node.tabIndex = selected ? 0 : -1
      setText(node.querySelector('.count'), String(sheet ? rows(view, sheet).length : 0))
    },
  })
}

function open (view) {
  if (view === views()[chosen]) return
  chosen = views().indexOf(view)
  fresh = true
  byId('table').querySelector('thead tr').replaceChildren()
  byId('table').querySelector('tbody').replaceChildren()
  byId('table-box').scrollTo(0, 0)
  show()
  byId('sheet-tabs').querySelector('[aria-selected=true]').scrollIntoView({ block: 'nearest', inline: 'nearest' })
}

/** The view's columns with what the sheet says about each; then those that a manager has added. */
function columns (view, sheet) {
  const byName = new Map(sheet.columns.map((column, index) => [column.name, { ...column, index }]))
  const declared = view.columns.filter(column => byName.has(column.name)).map(column => {
    const found = byName.get(column.name)
    byName.delete(column.name)
    return { ...found, ...column }
  })
  const added = [...byName.values()].map(column => ({ ...column, writer: 'managers', editable: false }))
  const helpers = byId('helpers').checked
  return [...declared.filter(column => !column.helper), ...added, ...declared.filter(column => column.helper && helpers)]
}

function showTable (view, sheet, found) {
  const shown = columns(view, sheet)
  const key = column => column.id
  keyed(byId('table').querySelector('thead tr'), shown, {
    key,
    create: column => el('th', { scope: 'col', class: kindOf(column), title: column.editable ? null : words.READ_ONLY },
      column.editable ? el('span', { class: 'pen', 'aria-hidden': 'true', text: '✎' }) : '', column.name),
  })
  keyed(byId('table').querySelector('tbody'), found, {
    key: row => row.recordId,
    create: () => el('tr'),
    update: (node, row) => {
      const place = { sheet: sheet.id, record: row.recordId, room: row.cells[shown[0].index] }
      // Only news of a table already on show flash, not the table itself.
      const news = !fresh
      const cells = shown.map((column, at) => ({ column, row, place, news, head: at === 0 }))
      keyed(node, cells, { key: ({ column }) => key(column), create: cell, update: showCell })
    },
  })
}
