// One cell of a table: how it is made, shown and edited.

import * as api from './api.js'
import { el, flash, setAttribute, setText } from './dom.js'
import { known } from './model.js'
import { act } from './notice.js'
import * as words from './words.js'

/** How a column looks: what is in it, and who may write it. */
export function kindOf (column) {
  const kind = { Number: 'number', Checkbox: 'tick', Text: 'long' }[column.type] ?? 'word'
  return `${kind} ${column.editable ? 'editable' : 'ours'}`
}

/** A cell's node. What is in it is put there by `showCell`. */
export function cell ({ column, place, head, news }) {
  const node = el(head ? 'th' : 'td', { class: kindOf(column), scope: head ? 'row' : null })
  node.append(column.editable ? editor(node, column, place) : el('div', { class: 'text' }))
  // A row that appears while one looks is news as a whole.
  node.seen = news ? undefined : null
  return node
}

/** Shows the sheet's truth, unless somebody is writing in the cell or the sheet has not answered yet. */
export function showCell (node, { column, row }) {
  const text = row.cells[column.index]
  const value = row.values[column.name]
  const inside = node.firstChild
  if (node.seen !== null && node.seen !== text) flash(node)
  node.seen = text
  if (node.classList.contains('pending')) return
  if (!column.editable) {
    showText(inside, column, text)
  } else if (column.type === 'Checkbox') {
    inside.checked = Boolean(value)
  } else if (inside.value === inside.truth || document.activeElement !== inside) {
    inside.truth = text
    if (inside.value !== text) inside.value = text
  }
}

function showText (node, column, text) {
  const shown = column.type === 'Checkbox' ? (text ? '✓' : '') : text
  if (setText(node, shown)) setAttribute(node, 'title', shown.length > 12 || shown.includes('\n') ? shown : null)
  if (column.look === 'level') node.className = text ? `text pill c-${levelColour(text)}` : 'text'
  if (column.look === 'state') node.className = text ? `text pill s-${words.WAIT_STATE[text] ?? 'none'}` : 'text'
}

/** A level is its colour and what was passed: 黄 10 分钟, 青 10 秒. */
function levelColour (text) {
  return known.scene.colours[text.split(' ')[0]] ?? 'none'
}

function editor (node, column, place) {
  const label = words.CELL(column.name, place.room)
  if (column.type === 'Checkbox') {
    const input = el('input', { type: 'checkbox', 'aria-label': label })
    input.addEventListener('change', () => save(node, column, place, input.checked))
    return input
  }
  const input = column.type === 'SingleSelect' ? choice(column, label) : line(column, label)
  input.truth = ''
  input.addEventListener('change', () => {
    input.truth = input.value
    save(node, column, place, input.value.trim() || null)
  })
  return input
}

function choice (column, label) {
  const names = ['', ...column.property.options.map(option => option.name)]
  return el('select', { 'aria-label': label }, ...names.map(name => el('option', { value: name, text: name })))
}

function line (column, label) {
  const input = el('input', { type: 'text', 'aria-label': label, list: column.look === 'staff' ? 'staff' : null, autocomplete: 'off' })
  input.addEventListener('keydown', event => {
    if (event.isComposing) return
    if (event.key === 'Escape') input.value = input.truth
    if (event.key === 'Enter' || event.key === 'Escape') input.blur()
  })
  return input
}

async function save (node, column, place, value) {
  node.classList.add('pending')
  await act(() => api.edit(place.sheet, place.record, column.name, value), words.CANNOT_EDIT)
  node.classList.remove('pending')
}
