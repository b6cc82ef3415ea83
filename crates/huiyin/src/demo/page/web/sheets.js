// The Vika tables as a manager sees them. Cells that Huiyin writes are shown, cells that managers write can be edited.

import { cell, kindOf, showCell } from './cells.js'
import { arrowKeys, byId, el, keyed, setAttribute, setText } from './dom.js'
import { known } from './model.js'
import * as words from './words.js'

let chosen = 'today'
let fresh = true

/** The declared views: which columns in which order, and who writes them. */
function views () {
  return known.scene.tables
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
  const view = views().find(view => view.sheet === chosen)
  const sheet = dump(view)
  setText(byId('sheet-hint'), words.HINT[chosen])
  if (sheet) showTable(view, sheet)
  const empty = byId('table-empty')
  empty.hidden = Boolean(sheet?.rows.length)
  setText(empty, words.NO_ROWS[chosen])
  fresh = false
}

function showTabs () {
  keyed(byId('sheet-tabs'), views(), {
    key: view => view.sheet,
    create: view => el('button', { type: 'button', role: 'tab', 'aria-controls': 'table-box', click: () => open(view.sheet) },
      el('span', { text: view.title }), el('span', { class: 'count' })),
    update: (node, view) => {
      const selected = view.sheet === chosen
      setAttribute(node, 'aria-selected', String(selected))
      node.tabIndex = selected ? 0 : -1
      setText(node.querySelector('.count'), String(dump(view)?.rows.length ?? 0))
    },
  })
}

function open (sheet) {
  if (sheet === chosen) return
  chosen = sheet
  fresh = true
  byId('table').querySelector('thead tr').replaceChildren()
  byId('table').querySelector('tbody').replaceChildren()
  byId('table-box').scrollTo(0, 0)
  show()
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

function showTable (view, sheet) {
  const shown = columns(view, sheet)
  const key = column => column.id
  keyed(byId('table').querySelector('thead tr'), shown, {
    key,
    create: column => el('th', { scope: 'col', class: kindOf(column), title: column.editable ? null : words.READ_ONLY },
      column.editable ? el('span', { class: 'pen', 'aria-hidden': 'true', text: '✎' }) : '', column.name),
  })
  const rows = view.newest_first ? [...sheet.rows].reverse() : sheet.rows
  keyed(byId('table').querySelector('tbody'), rows, {
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
